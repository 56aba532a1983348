--- largeobjects_get
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
--- why: reads pg_largeobject
SELECT lo_get(424242);

--- largeobjects_get_part
--- route: replica
--- kind: read
--- writes: -
--- standby: runs
SELECT lo_get(424242, 0, 5);

--- largeobjects_catalog
--- route: replica
--- kind: read
--- writes: -
--- standby: runs
SELECT oid FROM pg_largeobject_metadata;

--- largeobjects_data
--- route: replica
--- kind: read
--- writes: -
--- standby: runs
SELECT loid, pageno, data FROM pg_largeobject WHERE loid = 424242;

--- largeobjects_privilege
--- route: replica
--- kind: read
--- writes: -
--- standby: runs
SELECT lomacl FROM pg_largeobject_metadata WHERE oid = 424242;

--- largeobjects_creat
--- route: primary
--- kind: write
--- standby: fails XX000
--- why: before 16 no tidy refusal: cannot assign OIDs during recovery
SELECT lo_creat(-1);

--- largeobjects_create
--- route: primary
--- kind: write
--- standby: fails XX000
SELECT lo_create(0);

--- largeobjects_create_oid
--- route: primary
--- kind: write
--- standby: fails XX000
SELECT lo_create(434343);

--- largeobjects_from_bytea
--- route: primary
--- kind: write
--- standby: fails XX000
SELECT lo_from_bytea(0, 'abc');

--- largeobjects_put
--- route: primary
--- kind: write
--- standby: fails XX000
--- why: before 16: cannot assign TransactionIds during recovery
SELECT lo_put(424242, 0, 'abc');

--- largeobjects_unlink
--- route: primary
--- kind: write
--- standby: fails 55000
SELECT lo_unlink(424242);

--- largeobjects_unlink_query
--- route: primary
--- kind: write
--- reads: -
--- standby: fails 55000
SELECT lo_unlink(oid) FROM pg_largeobject_metadata;

--- largeobjects_import
--- route: primary
--- kind: write
--- standby: fails XX000
SELECT lo_import('/etc/hostname');

--- largeobjects_import_oid
--- route: primary
--- kind: write
--- standby: fails XX000
SELECT lo_import('/etc/hostname', 454545);

--- largeobjects_export
--- route: primary
--- kind: utility
--- standby: explained runs: a standby writes the file on its own machine
SELECT lo_export(424242, '/tmp/corpus_lo');

--- largeobjects_open_read
--- route: primary
--- kind: session
--- standby: explained runs: a descriptor of the session, for this transaction only
SELECT lo_open(424242, 262144);

--- largeobjects_open_write
--- route: primary
--- kind: write
--- standby: explained runs before 16: only the write that follows fails
SELECT lo_open(424242, 131072);

--- largeobjects_open_both
--- route: primary
--- kind: write
--- standby: explained runs before 16: only the write that follows fails
SELECT lo_open(424242, x'60000'::int);

--- largeobjects_read
--- route: primary
--- kind: session
--- standby: fails 42704
SELECT loread(0, 10);

--- largeobjects_write
--- route: primary
--- kind: write
--- standby: fails 42704
--- why: no such descriptor is open
SELECT lowrite(0, 'abc');

--- largeobjects_lseek
--- route: primary
--- kind: session
--- standby: fails 42704
SELECT lo_lseek(0, 0, 0);

--- largeobjects_lseek64
--- route: primary
--- kind: session
--- standby: fails 42704
SELECT lo_lseek64(0, 0, 0);

--- largeobjects_tell
--- route: primary
--- kind: session
--- standby: fails 42704
SELECT lo_tell(0);

--- largeobjects_truncate
--- route: primary
--- kind: write
--- standby: fails 42704
--- why: no such descriptor is open
SELECT lo_truncate(0, 0);

--- largeobjects_close
--- route: primary
--- kind: session
--- standby: fails 42704
SELECT lo_close(0);

--- largeobjects_read_block
--- route: primary
--- kind: session
--- standby: explained runs: open, read and close in one transaction
BEGIN; SELECT loread(lo_open(424242, 262144), 10); COMMIT;

--- largeobjects_write_block
--- route: primary
--- kind: write
--- standby: fails XX000
BEGIN; SELECT lowrite(lo_open(424242, 131072), 'x'); COMMIT;

--- largeobjects_truncate_block
--- route: primary
--- kind: write
--- standby: fails XX000
BEGIN; SELECT lo_truncate(lo_open(424242, 131072), 1); COMMIT;

--- largeobjects_alter
--- route: primary
--- kind: schema
--- standby: fails 25006
ALTER LARGE OBJECT 424242 OWNER TO postgres;

--- largeobjects_grant
--- route: primary
--- kind: schema
--- standby: fails 25006
GRANT SELECT ON LARGE OBJECT 424242 TO PUBLIC;

--- largeobjects_comment
--- route: primary
--- kind: schema
--- standby: fails 25006
COMMENT ON LARGE OBJECT 424242 IS 'x';
