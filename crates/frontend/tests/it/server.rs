//! Users of a real PostgreSQL, by the SQL that the guide shows.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use afterwrite_cluster::{Cluster, Plan};
use afterwrite_frontend::{Auth, Lookup, LookupError, Users};
use afterwrite_wire::secret::StoredSecret;
use tokio::time::sleep;

use crate::client::{Login, log_in, right, wrong};
use crate::door;

const GUIDE: &str = include_str!("../../../../docs/guide/authentication.md");

/// The block of SQL in the guide that begins so.
fn guide(begins: &str) -> &'static str {
    let block = GUIDE.split("```sql\n").find(|block| block.starts_with(begins));
    block.expect("the guide has it").split("```").next().unwrap()
}

struct Server(Arc<Cluster>);

impl Lookup for Server {
    fn lookup(
        &self,
        _database: &str,
        user: &str,
    ) -> Pin<Box<dyn Future<Output = Result<Option<StoredSecret>, LookupError>> + Send + '_>> {
        let user = user.replace('\'', "''");
        // As a user who sees other things under the same names.
        let sql = format!(
            "SET search_path = trap, pg_catalog; SELECT * FROM public.afterwrite_lookup('{user}')"
        );
        Box::pin(async move {
            let rows = self.0.primary().query(&sql).await;
            let rows = rows.map_err(|error| LookupError::new(error.to_string()))?;
            let secret = rows.first().map(|row| row.get(1).cloned().flatten().unwrap_or_default());
            Ok(secret.map(|secret| StoredSecret::parse(&secret)))
        })
    }
}

#[tokio::test]
async fn the_guide_is_right() {
    let plan = Plan { replicas: 0, ..Plan::default() };
    let cluster = Arc::new(Cluster::start(plan, &|_| ()).await.unwrap());
    let server = cluster.primary();
    let setup = format!(
        "SET password_encryption = 'md5'; CREATE ROLE hashed LOGIN PASSWORD 'right';\
         SET password_encryption = 'scram-sha-256';\
         CREATE ROLE \"say \"\"hi\"\"\" LOGIN PASSWORD 'right';\
         CREATE ROLE over LOGIN PASSWORD 'right' VALID UNTIL '2001-01-01';\
         CREATE ROLE lasting LOGIN PASSWORD 'right' VALID UNTIL 'infinity';\
         CREATE ROLE later LOGIN PASSWORD 'right' VALID UNTIL '2901-01-01';\
         CREATE ROLE group_only PASSWORD 'right';\
         CREATE ROLE afterwrite_auth LOGIN;\
         CREATE SCHEMA trap;\
         CREATE VIEW trap.pg_authid AS SELECT 'trapped'::name AS rolname, 'right' AS rolpassword, \
           true AS rolcanlogin, NULL::timestamptz AS rolvaliduntil;\
         {}",
        guide("CREATE FUNCTION")
    );
    server.query(&setup).await.unwrap();
    let granted = "SELECT has_function_privilege('afterwrite_auth', 'public.afterwrite_lookup(text)', 'EXECUTE'), \
                   has_function_privilege('hashed', 'public.afterwrite_lookup(text)', 'EXECUTE')";
    let granted = server.query(granted).await.unwrap();
    assert_eq!(granted[0], [Some("t".to_owned()), Some("f".to_owned())]);

    let door =
        door::with_lookup(Auth::Md5, Users::default(), Arc::new(Server(Arc::clone(&cluster))));
    let denied = |user| format!("scram: 28P01 password authentication failed for user \"{user}\"");
    assert_eq!(right(&door, "hashed").await, "md5: hashed@shop with an MD5 hash");
    for user in ["say \"hi\"", "lasting", "later"] {
        assert_eq!(right(&door, user).await, format!("scram: {user}@shop with SCRAM keys"));
        assert_eq!(wrong(&door, user).await, denied(user));
    }
    for user in ["over", "group_only", "trapped", "nobody", "x' OR true --"] {
        assert_eq!(right(&door, user).await, denied(user));
    }
    server.query("ALTER ROLE lasting PASSWORD 'changed'").await.unwrap();
    sleep(Duration::from_millis(150)).await;
    let changed = || log_in(&door, Login::new("lasting", "changed"));
    assert_eq!(changed().await, denied("lasting"));
    assert_eq!(changed().await, "scram: lasting@shop with SCRAM keys");

    let lines = server.query(guide("SELECT format")).await.unwrap();
    let list: Vec<_> = lines.into_iter().map(|row| row[0].clone().unwrap()).collect();
    let mut users = Users::default();
    users.parse(&list.join("\n")).unwrap();
    assert_eq!(users.len(), 5, "those who may log in and have a password: {}", list.len());
    let door = door::open(Auth::Scram, users);
    let in_list = "scram: say \"hi\"@shop with SCRAM keys";
    assert_eq!(right(&door, "say \"hi\"").await, in_list);
}
