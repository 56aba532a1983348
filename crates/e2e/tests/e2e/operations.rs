//! The proxy in production: stopped, started anew, told other settings, under load.

mod many;
mod notify;
mod reload;
mod restart;
mod stop;
