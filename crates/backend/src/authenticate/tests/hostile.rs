//! Servers that play by no rules.

use afterwrite_wire::{frame, server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// A step of a server that follows a script.
enum Step {
    Say(fn(&mut Vec<u8>)),
    /// Reads one message and wants this in it.
    Hear(&'static str),
    /// A challenge to the nonce it has heard, with this behind it.
    Challenge(&'static str),
}
use Step::{Challenge, Hear, Say};

/// Serves one connection by the script, then closes it.
async fn follow(listener: TcpListener, script: Vec<Step>) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut startup = [0; 4];
    stream.read_exact(&mut startup).await.unwrap();
    let rest = u32::from_be_bytes(startup) - 4;
    stream.read_exact(&mut vec![0; rest as usize]).await.unwrap();
    let mut heard = String::new();
    for step in script {
        let mut out = Vec::new();
        match step {
            Say(say) => say(&mut out),
            Hear(expected) => {
                heard = hear(&mut stream).await;
                assert!(heard.contains(expected), "{heard:?} lacks {expected:?}");
            }
            Challenge(behind) => {
                let nonce = heard.rsplit_once("r=").unwrap().1;
                let challenge = format!("r={nonce}x,{behind}");
                server::authentication_sasl_continue(&mut out, challenge.as_bytes());
            }
        }
        stream.write_all(&out).await.unwrap();
    }
}

async fn hear(stream: &mut TcpStream) -> String {
    let mut buffer = Vec::new();
    loop {
        if let Some((message, _)) = frame::split(&buffer, 1 << 16).unwrap() {
            return String::from_utf8_lossy(message.body).into_owned();
        }
        assert!(stream.read_buf(&mut buffer).await.unwrap() > 0, "the client hung up");
    }
}

async fn check(login: Login, binding: Option<&[u8]>, script: Vec<Step>, expected: &str) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let binding = binding.map(|bytes| ChannelBinding { end_point: bytes.to_vec() });
    let serving = tokio::spawn(follow(listener, script));
    let outcome = log_in(port, &login, binding.as_ref()).await;
    assert!(is(&outcome, expected), "{outcome:?} lacks {expected:?}");
    serving.await.unwrap();
}

fn ours() -> Login {
    login("app", password("right"))
}

fn with(channel_binding: BindingPolicy) -> Login {
    Login { channel_binding, ..ours() }
}

const PLAIN: Step = Say(|out| server::authentication_sasl(out, &["SCRAM-SHA-256"]));
const BOTH: Step =
    Say(|out| server::authentication_sasl(out, &["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"]));
const OK: Step = Say(server::authentication_ok);
const CLEAR: Step = Say(server::authentication_cleartext);
const MD5: Step = Say(|out| server::authentication_md5(out, *b"salt"));
const FORGED: Step = Say(|out| {
    server::authentication_sasl_final(out, b"v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
});

#[tokio::test]
async fn a_server_must_prove_itself() {
    let turn = "unexpected message 'R'";
    check(ours(), None, vec![OK], "in").await;
    check(ours(), None, vec![PLAIN, Hear("n,,n=,r="), OK], turn).await;
    let proof = || vec![PLAIN, Hear("n,,n=,r="), Challenge("s=AAAA,i=2"), Hear("c=biws,r=")];
    let then = |step| proof().into_iter().chain([step]).collect();
    check(ours(), None, then(OK), turn).await;
    let wrong = "server could not prove that it knows the password";
    check(ours(), None, then(FORGED), wrong).await;
    check(ours(), None, vec![FORGED], "SASL out of turn").await;
    check(ours(), None, vec![CLEAR, Hear("right"), CLEAR], turn).await;
}

#[tokio::test]
async fn what_a_server_may_not_ask() {
    let challenge = |it| vec![PLAIN, Hear("n,,n=,r="), Challenge(it)];
    check(ours(), None, challenge("s=AAAA,i=0"), "asks for 0 SCRAM iterations").await;
    check(ours(), None, challenge("s=AAAA,i=99999999"), "asks for 99999999").await;
    check(ours(), None, challenge("s=?,i=1"), "salt is not base64").await;
    let other = Say(|out| server::authentication_sasl(out, &["SCRAM-SHA-512"]));
    check(ours(), None, vec![other], "a SASL mechanism other than SCRAM-SHA-256").await;
    let gss = Say(|out| out.extend(b"R\0\0\0\x08\0\0\0\x07"));
    check(ours(), None, vec![gss], "the server asks for GSSAPI, which is not supported").await;
}

#[tokio::test]
async fn channel_binding_is_chosen_by_policy_and_offer() {
    use BindingPolicy::{Disable, Prefer, Require};
    let here = Some(&[7; 32][..]);
    let closed = "end of file";
    // The server sees the mechanism, the length and the header.
    let bound = "256-PLUS\0\0\0\u{0}5p=tls-server-end-point,,n=,r=";
    check(with(Prefer), here, vec![BOTH, Hear(bound)], closed).await;
    check(with(Require), here, vec![BOTH, Hear(bound)], closed).await;
    check(with(Disable), here, vec![BOTH, Hear("256\0\0\0\0 n,,")], closed).await;
    check(with(Prefer), None, vec![BOTH, Hear("256\0\0\0\0 n,,")], closed).await;
    check(with(Prefer), here, vec![PLAIN, Hear("256\0\0\0\0 y,,")], closed).await;

    let refused = "channel binding is required";
    check(with(Require), here, vec![PLAIN], refused).await;
    check(with(Require), None, vec![BOTH], refused).await;
    for step in [OK, CLEAR, MD5] {
        check(with(Require), here, vec![step], refused).await;
    }
}

#[tokio::test]
async fn what_is_lacking_is_named() {
    let nothing = || login("app", Credentials::Nothing);
    let hint = "wants a password for user \"app\" and none is known: give it as server_password in [users.app]";
    for step in [CLEAR, MD5, PLAIN] {
        check(nothing(), None, vec![step], hint).await;
    }
    let keys = || login("app", proven(&Keys::derive("right", b"salt", 2).verifier()));
    let clear = "the password in clear text for user \"app\", and only SCRAM keys can be used";
    check(keys(), None, vec![CLEAR], clear).await;
    check(keys(), None, vec![MD5], "MD5 for user \"app\", and only SCRAM keys").await;
    let hash = || login("app", md5("app"));
    check(hash(), None, vec![PLAIN], "SCRAM-SHA-256 for user \"app\", and only an MD5 hash").await;
    check(hash(), None, vec![CLEAR], "and only an MD5 hash can be used").await;
}
