--- fn_user_imm
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT f_imm(1);

--- fn_user_imm_q
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT app.f_imm_pl(1), app.f_imm(app.f_imm(2));

--- fn_user_stable
--- route: replica
--- kind: read
--- writes: -
--- standby: runs
--- why: reads what its body reads: a function in SQL, declared stable
SELECT f_stable();

--- fn_user_stable_pl
--- route: replica
--- kind: read
--- writes: -
--- standby: runs
SELECT app.f_stable_pl();

--- fn_user_stable_where
--- route: replica
--- kind: read
--- writes: -
--- standby: runs
SELECT id FROM orders WHERE id <= f_stable();

--- fn_user_vol_read
--- route: primary
--- kind: write
--- writes: unknown
--- standby: explained runs: volatile, and it happens only to read
SELECT f_vol_read();

--- fn_user_vol_read_sql
--- route: primary
--- kind: write
--- writes: unknown
--- standby: explained runs: volatile, and it happens only to read
SELECT f_vol_read_sql();

--- fn_user_unmarked
--- route: primary
--- kind: write
--- writes: unknown
--- standby: explained runs: volatile by default, and it happens only to compute
SELECT f_unmarked(1);

--- fn_user_write
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT f_write();

--- fn_user_write_arg
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT app.f_write(1);

--- fn_user_write_from
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT * FROM f_write();

--- fn_user_write_void
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT f_write_void();

--- fn_user_write_where
--- route: primary
--- kind: write
--- reads: app.orders
--- writes: unknown
--- standby: fails 25006
SELECT id FROM orders WHERE f_write_bool();

--- fn_user_atomic
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
--- why: a body of BEGIN ATOMIC
SELECT f_std();

--- fn_user_set
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT * FROM f_set(3);

--- fn_user_set_list
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT f_set(3);

--- fn_user_table_fn
--- route: replica
--- kind: read
--- writes: -
--- standby: runs
SELECT * FROM f_table(3) t WHERE t.total > 1;

--- fn_user_set_write
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT * FROM f_set_write(3);

--- fn_user_set_write_ord
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT * FROM f_set_write(3) WITH ORDINALITY;

--- fn_user_rows_from
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT * FROM ROWS FROM (f_set(2), f_set_write(2));

--- fn_user_defaults
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT f_defaults(), f_defaults(5), f_defaults(b => 3);

--- fn_user_default_writes
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
--- why: the function is immutable, the default of its second argument writes
SELECT f_default_writes(1);

--- fn_user_default_given
--- route: any
--- kind: read
--- reads: -
--- standby: runs
--- why: the default is not used; a replica is best, but it takes the arguments to know
SELECT f_default_writes(1, 2);

--- fn_user_default_named
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT f_default_writes(a => 1);

--- fn_user_variadic
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT f_variadic(1, 2, 3), f_variadic(VARIADIC ARRAY[1, 2]);

--- fn_user_variadic_write
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT f_variadic_write('a', 'b');

--- fn_user_variadic_write_arr
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT f_variadic_write(VARIADIC ARRAY['a']);

--- fn_user_over_int
--- route: any
--- kind: read
--- reads: -
--- standby: runs
--- why: the overload for int is immutable; a replica is best, but it takes types to know
SELECT f_over(1);

--- fn_user_over_date
--- route: any
--- kind: read
--- reads: -
--- standby: runs
--- why: the overload for date is stable; a replica is best, but it takes types to know
SELECT f_over(date '2024-01-01');

--- fn_user_over_text
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT f_over('x'::text);

--- fn_user_over_unknown
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
--- why: an unknown literal prefers text
SELECT f_over('x');

--- fn_user_over_col
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT f_over(body) FROM notes;

--- fn_user_out_args
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT (f_ins(1, 2)).*;

--- fn_user_out_from
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT b, c FROM f_ins(1, c => 2);

--- fn_user_definer
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT f_definer();

--- fn_user_set_guc
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
--- why: a stable function with its own setting
SELECT f_set_guc();

--- fn_user_poly
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT f_poly(ARRAY[1, 2]), f_true('x'::text);

--- fn_user_stamp
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
--- why: app.stamp() is stable
SELECT stamp();

--- fn_user_stamp_app
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT app.stamp();

--- fn_user_stamp_audit
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
--- why: audit.stamp() writes
SELECT audit.stamp();

--- fn_user_stamp_path
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
--- why: the path of the session decides
SET search_path = audit, app; SELECT stamp();

--- fn_user_shadow
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
--- why: found in public, where it writes
SELECT shadow(1);

--- fn_user_shadow_audit
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT audit.shadow(1);

--- fn_user_shadow_app
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 42883
SELECT app.shadow(1);

--- fn_user_row_plain
--- route: replica
--- kind: read
--- reads: app.notes
--- writes: -
--- standby: runs
--- why: notes.n_plain is a call of n_plain(notes)
SELECT notes.n_plain FROM notes;

--- fn_user_row_write
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
--- why: a function called as a column
SELECT notes.n_write FROM notes;

--- fn_user_row_write_alias
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT x.n_write FROM app.notes AS x;

--- fn_user_row_write_paren
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT (x).n_write FROM notes x;

--- fn_user_row_write_call
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT n_write(x) FROM notes x;

--- fn_user_row_write_where
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT id FROM notes WHERE notes.n_write = 1;

--- fn_user_row_write_sub
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT (SELECT x.n_write) FROM notes x;

--- fn_user_row_write_schema
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT app.notes.n_write FROM app.notes;

--- fn_user_row_bare
--- route: primary
--- kind: read
--- reads: app.notes
--- standby: fails 42703
--- why: without a qualifier it is a column, and there is none
SELECT n_write FROM notes;

--- fn_user_agg
--- route: replica
--- kind: read
--- reads: app.notes
--- writes: -
--- standby: runs
SELECT agg_add(n) FROM notes;

--- fn_user_agg_write
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
--- why: its transition function writes
SELECT agg_log(n) FROM notes;

--- fn_user_agg_final
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
--- why: its final function writes
SELECT agg_final_log(n) FROM notes;

--- fn_user_agg_over
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT agg_log(n) OVER (ORDER BY id) FROM notes;

--- fn_user_agg_filter
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT agg_log(n) FILTER (WHERE n > 1) FROM notes;

--- fn_user_agg_empty
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: explained runs: no row reaches the transition function
SELECT app.agg_log(n) FROM notes WHERE false;

--- fn_user_op
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT 1 ### 2;

--- fn_user_op_q
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT 1 OPERATOR(app.###) 2;

--- fn_user_op_audit
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
--- why: the operator of the other schema writes
SELECT 1 OPERATOR(audit.###) 2;

--- fn_user_op_plus_audit
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT 1 OPERATOR(audit.+) 2;

--- fn_user_op_write
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT 1 %%% 2;

--- fn_user_op_prefix
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT @@@@ 1;

--- fn_user_op_dims
--- route: primary
--- kind: write
--- reads: app.products
--- writes: unknown
--- standby: fails 25006
SELECT id FROM products WHERE size == size;

--- fn_user_op_any
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT 'a'::text ~~~~ ANY (ARRAY['b', 'c']);

--- fn_user_op_all_sub
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT 'a'::text ~~~~ ALL (SELECT body FROM notes);

--- fn_user_op_not_ilike
--- route: primary
--- kind: write
--- reads: app.products
--- writes: unknown
--- standby: fails 25006
--- why: NOT ILIKE is the operator !~~*, here the user's
SELECT id FROM products WHERE size NOT ILIKE 'x';

--- fn_user_op_not_ilike_text
--- route: any
--- kind: read
--- reads: app.notes
--- standby: runs
--- why: the built-in operator; a replica is best, but it takes types to know
SELECT id FROM notes WHERE body NOT ILIKE 'x';

--- fn_user_op_path
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
--- why: the path of the session decides
SET search_path = audit, pg_catalog; SELECT 1 + 2;

--- fn_user_cast_imm
--- route: any
--- kind: read
--- reads: app.products
--- standby: runs
--- why: a cast by an immutable function; a replica is best, but it takes types to know
SELECT size::int FROM products;

--- fn_user_cast_write
--- route: primary
--- kind: write
--- reads: app.products
--- writes: unknown
--- standby: fails 25006
--- why: a cast by a function that writes
SELECT size::text FROM products;

--- fn_user_cast_write2
--- route: primary
--- kind: write
--- reads: app.products
--- writes: unknown
--- standby: fails 25006
SELECT CAST(size AS text) FROM products;

--- fn_user_cast_fn
--- route: primary
--- kind: write
--- reads: app.products
--- writes: unknown
--- standby: fails 42883
--- why: the name of a type as a function is not taken for this cast
SELECT text(size) FROM products;

--- fn_user_cast_field
--- route: primary
--- kind: read
--- reads: app.products
--- standby: fails 42703
--- why: the cast notation of a field is not taken for composite types
SELECT (size).text FROM products;

--- fn_user_cast_varchar
--- route: any
--- kind: read
--- reads: app.products
--- standby: runs
--- why: the cast to varchar goes by the output of the type, not by the cast to text
SELECT size::varchar FROM products;

--- fn_user_cast_enum
--- route: primary
--- kind: write
--- reads: app.sizes
--- writes: unknown
--- standby: fails 25006
SELECT st::int FROM sizes;

--- fn_user_cast_enum_lit
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT 'new'::app.order_status::int;

--- fn_user_cast_implicit
--- route: primary
--- kind: write
--- reads: app.sizes
--- writes: unknown
--- standby: fails 25006
--- why: an implicit cast to text
SELECT starts_with(label, 'x') FROM sizes;

--- fn_user_cast_implicit_fn
--- route: primary
--- kind: write
--- reads: app.sizes
--- writes: unknown
--- standby: fails 25006
SELECT md5(label) FROM sizes;

--- fn_user_cast_assign
--- route: primary
--- kind: write
--- reads: app.sizes
--- writes: unknown
--- standby: fails 25006
--- why: an assignment cast in the INSERT
INSERT INTO notes (id, body) SELECT id + 3000, size FROM sizes;

--- fn_user_cast_compare
--- route: primary
--- kind: write
--- reads: app.sizes
--- writes: unknown
--- standby: fails 25006
--- why: both sides are brought to text
SELECT id FROM sizes WHERE label = 'x'::text;

--- fn_user_cast_in
--- route: primary
--- kind: write
--- reads: app.sizes
--- writes: unknown
--- standby: fails 25006
SELECT id FROM sizes WHERE label IN ('x'::text, 'y'::text);

--- fn_user_cast_like
--- route: primary
--- kind: write
--- reads: app.sizes
--- writes: unknown
--- standby: fails 25006
SELECT id FROM sizes WHERE label LIKE 'x%';

--- fn_user_cast_array
--- route: primary
--- kind: write
--- reads: app.sizes
--- writes: unknown
--- standby: fails 25006
SELECT ARRAY[size]::text[] FROM sizes;

--- fn_user_cast_json
--- route: replica
--- kind: read
--- reads: app.sizes
--- writes: -
--- standby: runs
--- why: a cast WITH INOUT calls no function of the user
SELECT to_json(label) FROM sizes;

--- fn_user_cast_row
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT ROW(1, 2)::app.dims::text;

--- fn_user_domain_imm
--- route: any
--- kind: read
--- reads: -
--- standby: runs
--- why: the CHECK of the domain calls an immutable function
SELECT 'abc'::app.code;

--- fn_user_domain_plain
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT 5::app.quantity;

--- fn_user_domain_write
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
--- why: the CHECK of the domain calls a function that writes
SELECT 'abc'::app.logged_code;

--- fn_user_domain_write2
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
--- why: a domain over that domain
SELECT 'abc'::logged_code2;

--- fn_user_domain_null
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
--- why: the CHECK is evaluated for NULL too
SELECT NULL::logged_code;

--- fn_user_domain_lit
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT logged_code 'abc';

--- fn_user_domain_array
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT ARRAY['a', 'b']::logged_code[];

--- fn_user_domain_comp
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
--- why: a field of a composite type
SELECT ROW('a', 1)::app.boxed;

--- fn_user_domain_comp_lit
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT '(a,1)'::app.boxed;

--- fn_user_domain_json
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT * FROM json_populate_record(NULL::app.boxed, '{"c":"x"}');

--- fn_user_domain_jsonrec
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
--- why: the type stands in a column definition list
SELECT * FROM json_to_record('{"c":"x"}') AS r (c app.logged_code);

--- fn_user_domain_xmltable
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT * FROM XMLTABLE('/r' PASSING ('<r><c>a</c></r>'::xml) COLUMNS c app.logged_code PATH 'c');

--- fn_user_domain_cast_txt
--- route: replica
--- kind: read
--- reads: app.coded
--- writes: -
--- standby: runs
--- why: from the domain to text calls nothing
SELECT d::text FROM coded;

--- fn_user_liar_stable
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
--- why: declared stable, but writes: who trusts the catalog sends it to a standby, which refuses it
SELECT f_liar_stable();

--- fn_user_liar_immutable
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
--- why: declared immutable, but writes
SELECT f_liar_immutable(1);

--- fn_user_liar_immutable_plan
--- route: primary
--- kind: utility
--- writes: unknown
--- standby: fails 25006
--- why: a constant call of an immutable function is run by the planner, without ANALYZE too
EXPLAIN SELECT f_liar_immutable(1);

--- fn_user_liar_nextval
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
--- why: declared stable, but calls nextval; its body in SQL can be read
SELECT f_liar_nextval();

--- fn_user_liar_scratch
--- route: primary
--- kind: read
--- standby: fails 0A000
--- why: declared stable, but reads an unlogged table
SELECT f_liar_scratch();

--- fn_user_trigger_fn
--- route: primary
--- kind: write
--- standby: fails 0A000
--- why: trigger functions can only be called as triggers
SELECT t_audit();

--- fn_user_policy_fn
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT can_see('x');

--- fn_user_proc_as_fn
--- route: primary
--- kind: write
--- standby: fails 42809
--- why: a procedure is not a function
SELECT p_archive(1);

--- fn_user_fn_as_proc
--- route: primary
--- kind: procedure
--- writes: unknown
--- standby: fails 42809
CALL f_write();

--- fn_user_nested_args
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT f_imm(f_write(2));

--- fn_user_nested_builtin
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT abs(coalesce(nullif(app.f_write(1), 0), 1));

--- fn_user_in_agg_arg
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT sum(f_write(n)) FROM notes;

--- fn_user_having
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT n FROM notes GROUP BY n HAVING f_write(n) > 0;

--- fn_user_quoted
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT "app"."f_write"();

--- fn_user_upper
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT APP.F_WRITE();

--- fn_user_comment_between
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT app /* x */ . /* y */ f_write -- z
 ( /* none */ );

--- fn_user_alias_only
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
--- why: only an alias of that name
SELECT 1 AS f_write;

--- fn_user_string_only
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT 'app.f_write()';

--- fn_user_column_only
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT f_write FROM (SELECT 1 AS f_write) s;

--- fn_user_three_part
--- route: primary
--- kind: write
--- writes: unknown
--- standby: explained fails 25006 if the database is named corpus
SELECT corpus.app.f_write();
