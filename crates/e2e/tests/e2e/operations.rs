//! The proxy in production: looked at, paused, stopped, started anew, told other
//! settings, between other poolers, under load.

mod activation;
mod console;
mod desk;
mod keys;
mod many;
mod notify;
mod pgbouncer;
mod pools;
mod reload;
mod renewal;
mod restart;
mod stop;
mod users;
