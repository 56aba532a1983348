//! Joins the two halves of the proxy. It moves bytes and carries out decisions;
//! it makes none.

mod buffer;
mod cancels;
mod client;
mod doubt;
mod exchange;
mod greet;
mod http;
mod library;
mod observe;
mod pump;
mod route;
mod serve;
mod settings;
mod shared;

pub use serve::{Proxy, StartError};
pub use settings::Settings;
