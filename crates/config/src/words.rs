//! The words that stand for the choices, in the file and in what is printed.

use std::fmt;

use crate::config::{
    Balance, ClientAuth, ClientTlsMode, Inventory, Level, LogFormat, OnOrphan, PoolMode, PoolOrder,
    Positions, SslMode, TlsNegotiation, TlsVersion,
};

/// Gives an enum its words: one table for reading and for printing.
macro_rules! words {
    ($type:ident: $($word:literal $variant:ident),+) => {
        impl $type {
            /// Each word with what it stands for.
            pub(crate) const WORDS: &'static [(&'static str, Self)] =
                &[$(($word, Self::$variant)),+];

            /// The word for it in the file.
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}

words!(Balance: "least_in_flight" LeastInFlight, "round_robin" RoundRobin);
words!(ClientAuth: "trust" Trust, "password" Password, "md5" Md5,
    "scram-sha-256" ScramSha256, "cert" Cert, "hba" Hba);
words!(ClientTlsMode: "disable" Disable, "allow" Allow, "prefer" Prefer, "require" Require,
    "verify-ca" VerifyCa, "verify-full" VerifyFull);
words!(Level: "eventual" Eventual, "bounded" Bounded, "read_your_writes" ReadYourWrites, "causal" Causal, "strong" Strong);
words!(LogFormat: "text" Text, "json" Json);
words!(PoolMode: "transaction" Transaction, "session" Session, "statement" Statement);
words!(OnOrphan: "ignore" Ignore, "notice" Notice, "error" Error);
words!(Inventory: "opaque" Opaque, "always" Always);
words!(PoolOrder: "lifo" Lifo, "fifo" Fifo);
words!(Positions: "auto" Auto, "log" Log, "heartbeat" Heartbeat, "window" Window);
words!(SslMode: "disable" Disable, "allow" Allow, "prefer" Prefer, "require" Require,
    "verify-ca" VerifyCa, "verify-full" VerifyFull);
words!(TlsNegotiation: "postgres" Postgres, "direct" Direct);
words!(TlsVersion: "1.2" Tls12, "1.3" Tls13);
