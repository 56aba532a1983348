--- session_set
--- route: any
--- kind: session
--- standby: runs
SET work_mem = '8MB';

--- session_set_to
--- route: any
--- kind: session
--- standby: runs
SET statement_timeout TO 1000;

--- session_set_session
--- route: any
--- kind: session
--- standby: runs
SET SESSION datestyle = 'ISO, DMY';

--- session_set_local
--- route: any
--- kind: session
--- standby: runs
--- why: outside a transaction block it has no effect, with a warning
SET LOCAL lock_timeout = '1s';

--- session_set_list
--- route: any
--- kind: session
--- standby: runs
--- why: later names are resolved by another path
SET search_path = app, audit, "$user", public;

--- session_set_schema
--- route: any
--- kind: session
--- standby: runs
SET SCHEMA 'audit';

--- session_set_names
--- route: any
--- kind: session
--- standby: runs
SET NAMES 'UTF8';

--- session_set_tz
--- route: any
--- kind: session
--- standby: runs
SET TIME ZONE 'Europe/Berlin';

--- session_set_tz_int
--- route: any
--- kind: session
--- standby: runs
SET TIME ZONE INTERVAL '+02:00' HOUR TO MINUTE;

--- session_set_tz_local
--- route: any
--- kind: session
--- standby: runs
SET TIME ZONE LOCAL;

--- session_set_default
--- route: any
--- kind: session
--- standby: runs
SET work_mem TO DEFAULT;

--- session_set_custom
--- route: any
--- kind: session
--- standby: runs
SET app.user_id = '42';

--- session_set_custom_list
--- route: any
--- kind: session
--- standby: fails 22023
SET "my.var" = a, b;

--- session_set_role
--- route: any
--- kind: session
--- standby: runs
SET ROLE postgres;

--- session_set_role_none
--- route: any
--- kind: session
--- standby: runs
SET ROLE NONE;

--- session_set_auth
--- route: any
--- kind: session
--- standby: runs
SET SESSION AUTHORIZATION DEFAULT;

--- session_set_xmloption
--- route: any
--- kind: session
--- standby: runs
SET XML OPTION DOCUMENT;

--- session_set_from_current
--- route: any
--- kind: session
--- standby: runs
--- why: meant for ALTER … SET, and taken here too: it changes nothing
SET work_mem FROM CURRENT;

--- session_set_ro
--- route: any
--- kind: transaction
--- standby: runs
--- why: default of the transactions to come
SET default_transaction_read_only = on;

--- session_set_rw_default
--- route: any
--- kind: transaction
--- standby: runs
--- why: a standby takes the setting, but its transactions stay read-only
SET default_transaction_read_only = off;

--- session_set_tx_ro_guc
--- route: any
--- kind: transaction
--- standby: runs
--- why: the same as SET TRANSACTION READ ONLY
SET transaction_read_only = on;

--- session_set_tx_rw_guc
--- route: primary
--- kind: transaction
--- standby: fails 0A000
--- why: cannot set transaction read-write mode during recovery
SET transaction_read_only = off;

--- session_set_char
--- route: any
--- kind: transaction
--- standby: runs
SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;

--- session_set_char_rw
--- route: any
--- kind: transaction
--- standby: runs
--- why: a standby takes it as a default
SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE;

--- session_set_char_ser
--- route: primary
--- kind: transaction
--- standby: explained runs on a standby: only the next transaction fails with 0A000
SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE;

--- session_set_sync_commit
--- route: any
--- kind: session
--- standby: runs
SET synchronous_commit = off;

--- session_set_bad
--- route: any
--- kind: session
--- standby: fails 42704
--- why: the server's own error, on whichever side
SET no_such_setting = 1;

--- session_set_replication_role
--- route: primary
--- kind: session
--- standby: explained runs: it switches triggers off for the writes to come
SET session_replication_role = replica;

--- session_reset
--- route: any
--- kind: session
--- standby: runs
RESET work_mem;

--- session_reset_all
--- route: any
--- kind: session
--- standby: runs
RESET ALL;

--- session_reset_role
--- route: any
--- kind: session
--- standby: runs
RESET ROLE;

--- session_reset_auth
--- route: any
--- kind: session
--- standby: runs
RESET SESSION AUTHORIZATION;

--- session_reset_tz
--- route: any
--- kind: session
--- standby: runs
RESET TIME ZONE;

--- session_discard_all
--- route: any
--- kind: session
--- standby: runs
DISCARD ALL;

--- session_discard_plans
--- route: any
--- kind: session
--- standby: runs
DISCARD PLANS;

--- session_discard_seq
--- route: any
--- kind: session
--- standby: runs
DISCARD SEQUENCES;

--- session_discard_temp
--- route: any
--- kind: session
--- standby: runs
DISCARD TEMP;

--- session_discard_temporary
--- route: any
--- kind: session
--- standby: runs
DISCARD TEMPORARY;

--- session_show
--- route: any
--- kind: session
--- standby: runs
SHOW work_mem;

--- session_show_all
--- route: any
--- kind: session
--- standby: runs
SHOW ALL;

--- session_show_tz
--- route: any
--- kind: session
--- standby: runs
SHOW TIME ZONE;

--- session_show_iso
--- route: any
--- kind: session
--- standby: runs
SHOW TRANSACTION ISOLATION LEVEL;

--- session_show_auth
--- route: any
--- kind: session
--- standby: runs
SHOW SESSION AUTHORIZATION;

--- session_show_path
--- route: any
--- kind: session
--- standby: runs
SHOW search_path;

--- session_show_custom
--- route: any
--- kind: session
--- standby: fails 42704
SHOW app.never_set;

--- session_show_version
--- route: any
--- kind: session
--- standby: runs
SHOW server_version;

--- session_show_standby
--- route: any
--- kind: session
--- standby: runs
--- why: tells where one is, like pg_is_in_recovery()
SHOW in_hot_standby;

--- session_show_read_only
--- route: primary
--- kind: session
--- standby: explained runs, but says on: drivers ask it to learn whether they may write
SHOW transaction_read_only;

--- session_set_config
--- route: primary
--- kind: session
--- standby: explained runs: it changes a setting of the session
SELECT set_config('work_mem', '8MB', false);

--- session_set_config_local
--- route: primary
--- kind: session
--- standby: explained runs: it changes a setting of the session
SELECT pg_catalog.set_config('app.user_id', '42', true);

--- session_set_config_hidden
--- route: primary
--- kind: session
--- reads: app.orders
--- standby: explained runs: it changes a setting of the session
SELECT id FROM orders WHERE set_config('app.x', id::text, false) <> '' LIMIT 1;

--- session_upd_pg_settings
--- route: primary
--- kind: session
--- standby: fails 25006
--- why: a rule turns it into set_config(); refused even so
UPDATE pg_settings SET setting = '8MB' WHERE name = 'work_mem';

--- session_current_setting
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT current_setting('work_mem'), current_setting('app.none', true);

--- session_setseed
--- route: primary
--- kind: session
--- standby: explained runs: it changes the random numbers of the session
SELECT setseed(0.5);

--- session_listen
--- route: primary
--- kind: session
--- standby: fails 25006
LISTEN news;

--- session_listen_quoted
--- route: primary
--- kind: session
--- standby: fails 25006
LISTEN "News Channel";

--- session_unlisten
--- route: primary
--- kind: session
--- standby: runs
--- why: a standby allows it since there is nothing to stop
UNLISTEN news;

--- session_unlisten_all
--- route: primary
--- kind: session
--- standby: runs
UNLISTEN *;

--- session_notify
--- route: primary
--- kind: utility
--- standby: fails 25006
NOTIFY news;

--- session_notify_payload
--- route: primary
--- kind: utility
--- standby: fails 25006
NOTIFY news, 'payload';

--- session_pg_notify
--- route: primary
--- kind: write
--- writes: -
--- standby: fails 25006
SELECT pg_notify('news', 'payload');

--- session_pg_listening
--- route: primary
--- kind: session
--- standby: explained runs, but the channels are those of the connection to the primary
SELECT pg_listening_channels();

--- session_load
--- route: primary
--- kind: utility
--- standby: runs
--- why: a library for this backend only
LOAD 'plpgsql';

--- session_checkpoint
--- route: primary
--- kind: utility
--- standby: runs
--- why: a standby makes a restartpoint of it
CHECKPOINT;

--- session_do
--- route: primary
--- kind: procedure
--- writes: unknown
--- standby: explained runs: it happens to write nothing
--- why: the body of DO is code
DO $$ BEGIN PERFORM 1; END $$;

--- session_do_write
--- route: primary
--- kind: procedure
--- writes: unknown
--- standby: fails 25006
DO $$ BEGIN INSERT INTO audit.log (what) VALUES ('do'); END $$;

--- session_do_lang
--- route: primary
--- kind: procedure
--- writes: unknown
--- standby: fails 25006
DO LANGUAGE plpgsql 'BEGIN PERFORM app.f_write(); END';

--- session_call_writes
--- route: primary
--- kind: procedure
--- writes: unknown
--- standby: fails 25006
CALL p_archive(1);

--- session_call_commits
--- route: primary
--- kind: procedure
--- writes: unknown
--- standby: fails 25006
CALL app.p_commits();

--- session_call_nothing
--- route: primary
--- kind: procedure
--- writes: unknown
--- standby: explained runs: it happens to write nothing
--- why: who knows what a procedure does
CALL p_nothing();

--- session_call_inout
--- route: primary
--- kind: procedure
--- writes: unknown
--- standby: explained runs: it happens to write nothing
CALL p_inout(a => 3);

--- session_call_arg
--- route: primary
--- kind: procedure
--- writes: unknown
--- standby: fails 25006
CALL p_archive(f_write());

--- session_call_missing
--- route: primary
--- kind: procedure
--- writes: unknown
--- standby: fails 42883
CALL no_such_procedure();

--- session_deallocate
--- route: any
--- kind: session
--- standby: runs
DEALLOCATE ALL;

--- session_show_all_nosemi
--- route: any
--- kind: session
--- standby: runs
SHOW ALL
