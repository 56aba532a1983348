//! Real drivers, unchanged, through the proxy.

mod pgbench;
mod psql;
mod psycopg;
mod tokio_postgres;
