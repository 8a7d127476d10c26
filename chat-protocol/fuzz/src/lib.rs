//! What the fuzz targets share: WebSocket frames both ways, and somebody who listens to the server.

pub mod frames;
pub mod listener;
