mod bench;
mod clients;
mod servers;
