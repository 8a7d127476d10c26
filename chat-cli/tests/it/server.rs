//! The real server, on the database of a chat.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::chat::{Chat, PASSWORD};

/// The server's binary, which lies beside this program's when the whole workspace is tested.
pub(crate) fn server_binary() -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_BIN_EXE_chat-cli")).with_file_name("chat-server");
    if !path.exists() {
        // Past the test runner's capture, which hides what a passing test prints.
        let _ =
            writeln!(std::io::stderr(), "\n*** {} IS NOT BUILT: THIS TEST IS LEFT OUT ***\n", path.display());
        return None;
    }
    Some(path)
}

/// A running server; killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    _stdout: BufReader<ChildStdout>,
}

impl Server {
    /// Starts it with nothing but the chat's database set.
    pub(crate) fn start(chat: &Chat, binary: &Path, bind: &str) -> Self {
        Self::start_with(chat, binary, bind, &[])
    }

    /// The same with further settings.
    pub(crate) fn start_with(chat: &Chat, binary: &Path, bind: &str, settings: &[(&str, &str)]) -> Self {
        let mut command = Command::new(binary);
        command.env_clear().env("CHAT_BIND", bind).env("CHAT_DATA_DIR", chat.data_dir());
        command.envs(settings.iter().copied()).current_dir(chat.folder());
        if let Some(url) = chat.database_url() {
            command.env("DATABASE_URL", url);
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap().parse().unwrap();
        Self { child, address, _stdout: stdout }
    }

    /// Its process.
    pub(crate) fn pid(&self) -> String {
        self.child.id().to_string()
    }

    pub(crate) fn token(&self, name: &str) -> String {
        let body = json!({"username": name, "password": PASSWORD}).to_string();
        let mut stream = TcpStream::connect(self.address).unwrap();
        write!(
            stream,
            "POST /api/v1/login HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            self.address,
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        serde_json::from_str::<Value>(body).unwrap()["token"].as_str().unwrap().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
