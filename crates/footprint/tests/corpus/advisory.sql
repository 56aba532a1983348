--- advisory_lock
--- route: primary
--- kind: lock
--- standby: explained accepted by a standby, in another lock space
SELECT pg_advisory_lock(1);

--- advisory_lock2
--- route: primary
--- kind: lock
--- standby: explained accepted by a standby, in another lock space
SELECT pg_advisory_lock(1, 2);

--- advisory_lock_shared
--- route: primary
--- kind: lock
--- standby: explained accepted by a standby, in another lock space
SELECT pg_advisory_lock_shared(1);

--- advisory_xact
--- route: primary
--- kind: lock
--- standby: explained accepted by a standby, in another lock space
SELECT pg_advisory_xact_lock(1);

--- advisory_xact_shared
--- route: primary
--- kind: lock
--- standby: explained accepted by a standby, in another lock space
SELECT pg_advisory_xact_lock_shared(1, 2);

--- advisory_try
--- route: primary
--- kind: lock
--- standby: explained accepted by a standby, in another lock space
SELECT pg_try_advisory_lock(1);

--- advisory_try_shared
--- route: primary
--- kind: lock
--- standby: explained accepted by a standby, in another lock space
SELECT pg_try_advisory_lock_shared(1);

--- advisory_try_xact
--- route: primary
--- kind: lock
--- standby: explained accepted by a standby, in another lock space
SELECT pg_try_advisory_xact_lock(hashtext('job'));

--- advisory_try_xact_shared
--- route: primary
--- kind: lock
--- standby: explained accepted by a standby, in another lock space
SELECT pg_try_advisory_xact_lock_shared(1);

--- advisory_unlock
--- route: primary
--- kind: lock
--- standby: explained accepted by a standby, in another lock space
SELECT pg_advisory_unlock(1);

--- advisory_unlock_shared
--- route: primary
--- kind: lock
--- standby: explained accepted by a standby, in another lock space
SELECT pg_advisory_unlock_shared(1, 1);

--- advisory_unlock_all
--- route: primary
--- kind: lock
--- standby: explained accepted by a standby, in another lock space
SELECT pg_advisory_unlock_all();

--- advisory_where
--- route: primary
--- kind: lock
--- reads: app.orders
--- standby: explained accepted by a standby, in another lock space
SELECT id FROM orders WHERE pg_try_advisory_xact_lock(id) LIMIT 1;

--- advisory_cte
--- route: primary
--- kind: lock
--- reads: app.orders
--- standby: explained accepted by a standby, in another lock space
WITH x AS MATERIALIZED (SELECT pg_try_advisory_lock(id) AS got FROM orders LIMIT 1) SELECT got FROM x;

--- advisory_qualified
--- route: primary
--- kind: lock
--- standby: explained accepted by a standby, in another lock space
SELECT pg_catalog.pg_advisory_lock(10);

--- advisory_quoted
--- route: primary
--- kind: lock
--- standby: explained accepted by a standby, in another lock space
SELECT "pg_catalog"."pg_advisory_lock"(10);

--- advisory_order_by
--- route: primary
--- kind: lock
--- reads: app.notes
--- standby: explained accepted by a standby, in another lock space
SELECT id FROM notes ORDER BY pg_try_advisory_xact_lock(id);

--- advisory_from_func
--- route: primary
--- kind: lock
--- standby: explained accepted by a standby, in another lock space
SELECT * FROM pg_try_advisory_lock(5);

--- advisory_rails
--- route: primary
--- kind: lock
--- standby: explained accepted by a standby, in another lock space
--- why: what migration tools send
SELECT pg_try_advisory_lock(4153227911803890000);

--- advisory_do
--- route: primary
--- kind: procedure
--- writes: unknown
--- standby: explained accepted by a standby, in another lock space
DO $$ BEGIN PERFORM pg_advisory_xact_lock(1); END $$;

--- advisory_explain
--- route: primary
--- kind: utility
--- standby: runs
EXPLAIN SELECT pg_advisory_lock(1);

--- advisory_explain_analyze
--- route: primary
--- kind: lock
--- standby: explained accepted by a standby, in another lock space
EXPLAIN ANALYZE SELECT pg_advisory_lock(1);

--- advisory_column_name
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT pg_advisory_lock FROM (VALUES (1)) v (pg_advisory_lock);

--- advisory_pg_locks
--- route: primary
--- kind: read
--- standby: explained runs, but shows the standby's own locks
SELECT * FROM pg_locks WHERE locktype = 'advisory';
