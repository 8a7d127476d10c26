//! Close codes: whether a client comes back is in the number.

macro_rules! close_codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal $reason:literal;)*) => {
        /// Why the server ends a connection.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum CloseCode {
            $($(#[doc = $doc])+ $name,)*
        }

        impl CloseCode {
            /// Every code that the server sends.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The number on the wire.
            #[must_use]
            pub const fn code(self) -> u16 {
                match self { $(Self::$name => $code),* }
            }

            /// The reason that goes with it.
            #[must_use]
            pub const fn reason(self) -> &'static str {
                match self { $(Self::$name => $reason),* }
            }

            /// What the code means, in a sentence.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+)),* }
            }
        }
    };
}

close_codes! {
    /// The answer to the client's own close, which comes back if it likes.
    Normal = 1000 "bye";
    /// The frames break RFC 6455.
    ProtocolError = 1002 "protocol_error";
    /// A binary frame; the protocol is text.
    Unsupported = 1003 "text_only";
    /// A text frame is not UTF-8.
    InvalidUtf8 = 1007 "invalid_utf8";
    /// The client breaks a rule of conduct.
    Policy = 1008 "policy";
    /// A frame or message is longer than 64 KiB.
    TooBig = 1009 "too_big";
    /// A defect of the server ended this connection.
    Internal = 1011 "internal";
    /// The server goes away; come back after the delay that `status` suggested.
    Restart = 1012 "restart";
    /// Reserved: the server has as many connections as it can hold. It says so with HTTP 503 on the upgrade.
    Overloaded = 1013 "overloaded";
    /// The client does not read what it is sent; come back and resume.
    SlowReader = 4000 "slow_reader";
    /// Reserved: the token ends soon; come back with a new one.
    RenewToken = 4001 "renew_token";
    /// The account signed out on this device.
    SignedOut = 4500 "signed_out";
    /// The session has ended or never was.
    SessionExpired = 4501 "session_expired";
    /// The account was shut out.
    Disabled = 4502 "disabled";
    /// No sign-in came in time.
    SignInTimeout = 4503 "sign_in_timeout";
    /// The account has as many connections as allowed; the oldest one is closed.
    TooManyConnections = 4504 "too_many_connections";
}

impl CloseCode {
    /// Whether a client that sees this number comes back: not after 1002, 1003, 1007, 1008, 1009 and 4500 to 4999.
    /// Codes that the server never sends come from a proxy or a library, and are the weather of the network.
    #[must_use]
    pub const fn reconnects(code: u16) -> bool {
        !matches!(code, 1002 | 1003 | 1007 | 1008 | 1009 | 4500..=4999)
    }
}
