//! Real drivers, unchanged, through the proxy.

mod foreign;
mod pgbench;
mod psql;
mod reported;
mod rust;
mod sqlx;
mod tokio_postgres;
