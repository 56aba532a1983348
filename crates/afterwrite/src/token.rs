//! `afterwrite token`: what a token says.

use std::fmt;
use std::io::{self, Write as _};
use std::path::Path;

use afterwrite_config::Overlay;
use afterwrite_session::Keyring;
use afterwrite_types::Token;
use serde_json::json;

use crate::cli::{ConfigArguments, DecodeArguments, TokenAction, TokenArguments};
use crate::exit::Exit;
use crate::settings;

/// Carries out what is asked for.
pub(crate) fn run(arguments: &TokenArguments) -> Result<(), Exit> {
    match &arguments.action {
        TokenAction::Decode(arguments) => decode(arguments),
    }
}

/// What is known of a token's signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signature {
    Good,
    /// No key of the configuration's has made it.
    Bad,
    /// The configuration has keys, and the token none.
    Missing,
    /// The configuration has no keys, so anything is believed.
    NotNeeded,
    NotChecked,
}

impl Signature {
    fn of(token: &Token, config: Option<&Path>) -> Result<Self, Exit> {
        let Some(config) = config else { return Ok(Self::NotChecked) };
        Ok(match keyring(config)? {
            None => Self::NotNeeded,
            Some(keyring) if keyring.vouches_for(token) => Self::Good,
            Some(_) if token.seal.is_none() => Self::Missing,
            Some(_) => Self::Bad,
        })
    }

    /// Its word in JSON.
    fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Missing => "missing",
            Self::NotNeeded => "not_needed",
            Self::NotChecked => "not_checked",
        }
    }

    /// Whether a proxy with this configuration would believe the token.
    fn is_fit(self) -> bool {
        match self {
            Self::Good | Self::NotNeeded | Self::NotChecked => true,
            Self::Bad | Self::Missing => false,
        }
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Good => "good",
            Self::Bad => "bad: no key of this configuration has made it",
            Self::Missing => "missing: with this configuration only signed tokens are believed",
            Self::NotNeeded => "not needed: this configuration has no tokens.keys",
            Self::NotChecked => "not checked: --config names the keys",
        })
    }
}

fn keyring(config: &Path) -> Result<Option<Keyring>, Exit> {
    let arguments =
        ConfigArguments { url: None, config: Some(config.to_owned()), set: Vec::new(), json: None };
    let config = settings::configuration(&arguments, Overlay::default())?;
    Ok(settings::keyring(&config))
}

fn decode(arguments: &DecodeArguments) -> Result<(), Exit> {
    let text = arguments.token.trim();
    let token: Token = text.parse().map_err(|bad| {
        Exit::failed(format!(
            "{bad}: one has 31 letters and begins with v1., or has 43 and begins with v2.; \
             this text has {}",
            text.chars().count()
        ))
    })?;
    let signature = Signature::of(&token, arguments.config.as_deref())?;
    let told = if arguments.json { as_json(&token, signature) } else { as_text(&token, signature) };
    let mut out = io::stdout().lock();
    match out.write_all(told.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Exit::failed(format!("cannot write: {error}")))
        }
        Err(_) | Ok(()) if signature.is_fit() => Ok(()),
        Err(_) | Ok(()) => Err(Exit::Unfit),
    }
}

fn version(token: &Token) -> &'static str {
    if token.seal.is_some() { "v2" } else { "v1" }
}

fn as_text(token: &Token, signature: Signature) -> String {
    let line = token.position.line;
    let (signed, key) = match token.seal {
        Some(seal) => ("signed", seal.key.to_string()),
        None => ("not signed", "none".to_owned()),
    };
    format!(
        "version:    {} ({signed})\nsystem:     {}\ntimeline:   {}\nposition:   {}\n\
         key:        {key}\nsignature:  {signature}\n",
        version(token),
        line.system.0,
        line.timeline.0,
        token.position.lsn,
    )
}

fn as_json(token: &Token, signature: Signature) -> String {
    let line = token.position.line;
    let object = json!({
        "version": version(token),
        // As text: it needs more digits than a number has in most languages.
        "system": line.system.0.to_string(),
        "timeline": line.timeline.0,
        "position": token.position.lsn.to_string(),
        "key": token.seal.map(|seal| seal.key),
        "signature": signature.name(),
    });
    format!("{object}\n")
}
