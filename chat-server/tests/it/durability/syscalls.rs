//! What strace writes down, line by line, as calls that begin and end.

/// A call of the system begins or ends. Where nothing came between, both stand in one line.
#[derive(Debug)]
pub(super) enum Moment {
    Begin(Call),
    End {
        thread: u32,
        /// What the call answered; -1 after a failure.
        result: i64,
    },
}

/// A call as it begins.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) thread: u32,
    pub(super) name: String,
    /// What its first argument stands for: a path, or a socket.
    pub(super) file: String,
    /// The bytes that it writes.
    pub(super) bytes: Vec<u8>,
}

/// The calls of a trace that was made with `-f` and `-y`, in the order in which strace saw them begin and end. Strace
/// holds a thread at the begin and at the end of each call, so what ended before another one began did so indeed.
pub(super) fn moments(trace: &str) -> impl Iterator<Item = Moment> {
    trace.lines().flat_map(|line| {
        let (thread, rest) = line.trim_start().split_once(' ').unwrap();
        of_line(thread.parse().unwrap(), rest.trim_start())
    })
}

fn of_line(thread: u32, line: &str) -> Vec<Moment> {
    // Signals, and the ends of threads.
    if line.starts_with("---") || line.starts_with("+++") {
        return Vec::new();
    }
    if line.starts_with("<... ") {
        return end(thread, line).into_iter().collect();
    }
    let (name, arguments) = line.split_once('(').unwrap_or_else(|| panic!("what is {line:?}?"));
    let file = arguments.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(file, _)| file);
    let (name, file) = (name.to_owned(), file.unwrap_or_default().to_owned());
    let begin = Moment::Begin(Call { thread, name, file, bytes: bytes(arguments) });
    if line.ends_with("<unfinished ...>") {
        return vec![begin];
    }
    [Some(begin), end(thread, line)].into_iter().flatten().collect()
}

/// The answer stands behind the last equals sign. A call that the end of the process cut off has a question mark there,
/// and did not end.
fn end(thread: u32, line: &str) -> Option<Moment> {
    let (_, result) = line.rsplit_once(" = ").unwrap_or_else(|| panic!("what is {line:?}?"));
    let result = result.split(' ').next().unwrap();
    (result != "?").then(|| Moment::End { thread, result: result.parse().unwrap() })
}

/// All strings of a call, one behind the other, as the bytes that they were.
fn bytes(arguments: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = arguments.bytes().peekable();
    while rest.find(|&byte| byte == b'"').is_some() {
        while let Some(byte) = rest.next_if(|&byte| byte != b'"') {
            bytes.push(if byte == b'\\' { unescaped(&mut rest) } else { byte });
        }
        rest.next();
        assert_ne!(rest.peek(), Some(&b'.'), "strace shows all bytes of a call");
    }
    bytes
}

/// The byte behind a backslash: a letter, or up to three octal digits.
fn unescaped(rest: &mut std::iter::Peekable<impl Iterator<Item = u8>>) -> u8 {
    match rest.next().unwrap() {
        b'n' => b'\n',
        b't' => b'\t',
        b'r' => b'\r',
        b'v' => 11,
        b'f' => 12,
        digit @ b'0'..=b'7' => {
            let mut byte = digit - b'0';
            for _ in 0..2 {
                let Some(digit) = rest.next_if(|byte| (b'0'..=b'7').contains(byte)) else { break };
                byte = byte * 8 + (digit - b'0');
            }
            byte
        }
        other => other,
    }
}

#[test]
fn a_line_of_strace_is_read_with_the_bytes_of_its_strings() {
    let line = r#"7  sendto(12<socket:[5]>, "a\"\\\0011\377\n", 7, MSG_NOSIGNAL, NULL, 0) = 7"#;
    let [Moment::Begin(call), Moment::End { thread: 7, result: 7 }] = &moments(line).collect::<Vec<_>>()[..]
    else {
        panic!("a begin and an end");
    };
    assert_eq!((call.thread, call.name.as_str(), call.file.as_str()), (7, "sendto", "socket:[5]"));
    assert_eq!(call.bytes, b"a\"\\\x011\xff\n");
    let cut = "8 fdatasync(9</x/chat.db-wal> <unfinished ...>\n8 <... fdatasync resumed>) = -1 EIO (Input/output error)";
    let [Moment::Begin(_), Moment::End { thread: 8, result: -1 }] = &moments(cut).collect::<Vec<_>>()[..]
    else {
        panic!("a begin, and its end");
    };
    let killed =
        "9 fsync(9</x/chat.db-wal> <unfinished ...>\n9 <... fsync resumed>) = ?\n9 +++ killed by SIGKILL +++";
    assert!(matches!(&moments(killed).collect::<Vec<_>>()[..], [Moment::Begin(_)]), "it never ends");
}
