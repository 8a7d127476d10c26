//! The client's state machine: each rule by itself, and all of them against a model server.

mod connection;
mod desk;
mod model;
mod outbox;
mod property;
mod rooms;
mod world;
