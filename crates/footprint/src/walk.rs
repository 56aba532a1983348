//! From a parse tree to what it mentions.

use crate::mention::{Call, Change, Class, Mentions, Name, Use};
use crate::tree::{Node, Value};

/// Mentions of one kind that are kept at most; more of them make it incomplete.
const MENTIONS_MAX: usize = 4096;

/// `CURRENT_SCHEMA` among the functions without parentheses.
const CURRENT_SCHEMA: i64 = 15;

/// What the statement with this tree mentions.
pub(crate) fn mentions(statement: &Node) -> Mentions {
    let mut walk = Walk::default();
    walk.top(statement);
    walk.found
}

#[derive(Default)]
struct Walk<'a> {
    found: Mentions,
    /// Names of common table expressions that can be seen.
    visible: Vec<&'a str>,
    /// Inside a command that makes or changes what it names.
    defines: bool,
    /// Statements around this one.
    depth: usize,
}

impl<'a> Walk<'a> {
    fn top(&mut self, node: &'a Node) {
        self.found.class = class(node);
        match node.kind {
            "ExplainStmt" | "PrepareStmt" | "DeclareCursorStmt" => self.around(node),
            "CopyStmt" => self.copy(node),
            "CreateTableAsStmt" => self.create_table_as(node),
            "LockStmt" => {
                for relation in node.list("relations").iter().filter_map(Value::node) {
                    self.relation(relation, Use::Locks);
                }
            }
            "TruncateStmt" => {
                for relation in node.list("relations").iter().filter_map(Value::node) {
                    self.relation(relation, Use::Changes(Change::Truncate));
                }
            }
            "DropStmt" => {
                for object in node.list("objects").iter().filter_map(Value::node) {
                    let parts = object.list("items").iter().map(Value::text);
                    if let Some(name) = Name::of_parts(parts) {
                        self.push_relation(name, Use::Defines);
                    }
                }
            }
            "TransactionStmt" => {
                self.found.refused_by_standbys = asks_too_much(node.list("options"));
            }
            "DoStmt" => self.found.code = code(node),
            "VariableSetStmt" => self.found.refused_by_standbys = sets_too_much(node),
            "VariableShowStmt" => self.found.shows = Some(node.text("name").into()),
            _ if is_query_or_dml(node.kind) => self.node(node),
            _ => {
                self.defines = true;
                self.fields(node, &[]);
            }
        }
    }

    /// A command around a statement.
    fn around(&mut self, node: &'a Node) {
        self.fields(node, &["query"]);
        match node.node("query") {
            Some(inner) if inner.kind == "CreateTableAsStmt" => self.create_table_as(inner),
            Some(inner) => self.node(inner),
            None => {}
        }
    }

    fn create_table_as(&mut self, node: &'a Node) {
        self.found.into = true;
        if let Some(relation) = node.node("into").and_then(|into| into.node("rel")) {
            self.relation(relation, Use::Defines);
        }
        self.fields(node, &["into"]);
    }

    fn copy(&mut self, node: &'a Node) {
        if let Some(relation) = node.node("relation") {
            let changes = Use::Changes(Change::Insert);
            self.relation(relation, if node.has("is_from") { changes } else { Use::Reads });
            if !node.has("is_from") {
                self.found.copied = self.found.relations.first().map(|(name, _)| name.clone());
            }
        }
        self.fields(node, &["relation"]);
    }

    fn value(&mut self, value: &'a Value) {
        match value {
            Value::Empty | Value::Number(_) | Value::Text(_) => {}
            Value::List(list) => list.iter().for_each(|value| self.value(value)),
            Value::Node(node) => self.node(node),
        }
    }

    fn fields(&mut self, node: &'a Node, but: &[&str]) {
        for (name, value) in &node.fields {
            if !but.contains(name) {
                self.value(value);
            }
        }
    }

    fn node(&mut self, node: &'a Node) {
        match node.kind {
            "SelectStmt" => self.select(node),
            "InsertStmt" => self.dml(node, &[Change::Insert]),
            "UpdateStmt" => self.dml(node, &[Change::Update]),
            "DeleteStmt" => self.dml(node, &[Change::Delete]),
            "MergeStmt" => self.dml(node, &merged(node)),
            "RangeVar" => {
                let is_visible = !node.has("schemaname")
                    && self.visible.iter().any(|known| *known == node.text("relname"));
                if !is_visible {
                    let what = if self.defines { Use::Defines } else { Use::Reads };
                    self.relation(node, what);
                }
            }
            "FuncCall" => {
                self.call(node.field("funcname"), node);
                self.fields(node, &["funcname"]);
            }
            "RangeTableSample" => {
                // A method of its own is a function that makes it.
                let name = Name::of_parts(node.list("method").iter().map(Value::text));
                match name {
                    Some(name) if is_builtin_method(&name) => {}
                    Some(name) => self.push_call(Call { name, arguments: None }),
                    None => self.found.incomplete = true,
                }
                self.fields(node, &["method"]);
            }
            "ColumnRef" => self.attribute(node.list("fields")),
            "AIndirection" => {
                self.attributes(node.list("indirection"));
                self.fields(node, &[]);
            }
            "AExpr" => {
                self.operator(node);
                self.fields(node, &["name"]);
            }
            "SubLink" => {
                let name = Name::of_parts(node.list("oper_name").iter().map(Value::text));
                // `IN (SELECT …)` has no name, and means `=`.
                self.push_operator(name.unwrap_or_else(|| Name::bare("=")));
                self.fields(node, &["oper_name"]);
            }
            "SortBy" => {
                if let Some(name) = Name::of_parts(node.list("use_op").iter().map(Value::text)) {
                    self.push_operator(name);
                }
                self.fields(node, &["use_op"]);
            }
            "CaseExpr" => {
                if node.has("arg") {
                    self.push_operator(Name::bare("="));
                }
                self.fields(node, &[]);
            }
            "TypeName" => {
                let name = Name::of_parts(node.list("names").iter().map(Value::text));
                if let Some(name) = name.filter(|name| !self.found.types.contains(name)) {
                    push(&mut self.found.types, name, &mut self.found.incomplete);
                }
                self.fields(node, &["names"]);
            }
            "SqlValueFunction" => {
                self.found.varies = true;
                if node.number("op") == CURRENT_SCHEMA {
                    let name = Name::bare("current_schema");
                    self.push_call(Call { name, arguments: Some(0) });
                }
            }
            "ParamRef" => self.found.parameters = true,
            "LockingClause" => self.found.locks_rows = true,
            "IntoClause" => {
                self.found.into = true;
                if let Some(relation) = node.node("rel") {
                    self.relation(relation, Use::Defines);
                }
            }
            _ => self.fields(node, &[]),
        }
    }

    fn select(&mut self, node: &'a Node) {
        let (seen, defines) = (self.visible.len(), self.defines);
        self.defines = false;
        self.with(node);
        self.fields(node, &["with_clause"]);
        self.visible.truncate(seen);
        self.defines = defines;
    }

    fn dml(&mut self, node: &'a Node, changes: &[Change]) {
        self.found.writes_inside |= self.depth > 0;
        let seen = self.visible.len();
        self.with(node);
        if let Some(target) = node.node("relation") {
            for change in changes {
                self.relation(target, Use::Changes(*change));
            }
        }
        if node.node("on_conflict_clause").is_some_and(|it| it.has("target_list"))
            && let Some(target) = node.node("relation")
        {
            self.relation(target, Use::Changes(Change::Update));
        }
        self.depth += 1;
        self.fields(node, &["with_clause", "relation"]);
        self.depth -= 1;
        self.visible.truncate(seen);
    }

    /// The common table expressions of a statement, seen by it from here on.
    fn with(&mut self, node: &'a Node) {
        let Some(with) = node.node("with_clause") else { return };
        let tables = || with.list("ctes").iter().filter_map(Value::node);
        let is_recursive = with.has("recursive");
        if is_recursive {
            self.visible.extend(tables().map(|table| table.text("ctename")));
        }
        for table in tables() {
            self.depth += 1;
            self.fields(table, &[]);
            self.depth -= 1;
            if !is_recursive {
                self.visible.push(table.text("ctename"));
            }
        }
    }

    fn relation(&mut self, node: &Node, what: Use) {
        let name = node.text("relname");
        let schema = node.has("schemaname").then(|| node.text("schemaname").into());
        self.push_relation(Name { schema, name: name.into() }, what);
    }

    fn push_relation(&mut self, name: Name, what: Use) {
        if !self.found.relations.iter().any(|(known, use_)| *known == name && *use_ == what) {
            push(&mut self.found.relations, (name, what), &mut self.found.incomplete);
        }
    }

    fn call(&mut self, name: &Value, node: &Node) {
        let Some(name) = Name::of_parts(name.list().iter().map(Value::text)) else {
            self.found.incomplete = true;
            return;
        };
        // Those of `WITHIN GROUP` count as arguments.
        let count = node.list("args").len()
            + if node.has("agg_within_group") { node.list("agg_order").len() } else { 0 };
        let arguments = u16::try_from(count).ok().filter(|_| !node.has("func_variadic"));
        self.push_call(Call { name, arguments });
    }

    fn push_call(&mut self, call: Call) {
        if !self.found.calls.contains(&call) {
            push(&mut self.found.calls, call, &mut self.found.incomplete);
        }
    }

    fn push_operator(&mut self, name: Name) {
        if !self.found.operators.contains(&name) {
            push(&mut self.found.operators, name, &mut self.found.incomplete);
        }
    }

    fn operator(&mut self, node: &Node) {
        let Some(name) = Name::of_parts(node.list("name").iter().map(Value::text)) else {
            self.found.incomplete = true;
            return;
        };
        if name.name.contains("BETWEEN") {
            for sign in ["<", ">", "<=", ">="] {
                self.push_operator(Name::bare(sign));
            }
        } else {
            self.push_operator(name);
        }
    }

    /// `a.b.c`: the last part may be a function of what stands before it.
    fn attribute(&mut self, parts: &'a [Value]) {
        self.attributes(parts.get(1..).unwrap_or_default());
    }

    fn attributes(&mut self, parts: &'a [Value]) {
        for part in parts {
            match part.node() {
                Some(node) if node.kind == "String" => {
                    let name = node.text("sval");
                    if !self.found.attributes.iter().any(|known| **known == *name) {
                        push(&mut self.found.attributes, name.into(), &mut self.found.incomplete);
                    }
                }
                Some(node) => self.node(node),
                None => {}
            }
        }
    }
}

fn push<T>(list: &mut Vec<T>, item: T, incomplete: &mut bool) {
    if list.len() < MENTIONS_MAX {
        list.push(item);
    } else {
        *incomplete = true;
    }
}

fn is_builtin_method(name: &Name) -> bool {
    matches!(&*name.name, "system" | "bernoulli")
        && name.schema.as_deref().is_none_or(|schema| schema == "pg_catalog")
}

fn is_query_or_dml(kind: &str) -> bool {
    matches!(kind, "SelectStmt" | "InsertStmt" | "UpdateStmt" | "DeleteStmt" | "MergeStmt")
}

/// What a `MERGE` may change.
fn merged(node: &Node) -> Vec<Change> {
    let mut changes = Vec::new();
    for clause in node.list("merge_when_clauses").iter().filter_map(Value::node) {
        // By `CmdType`, whose numbers the serialised form has one higher.
        let change = match clause.number("command_type") {
            3 => Change::Update,
            4 => Change::Insert,
            5 => Change::Delete,
            _ => continue,
        };
        if !changes.contains(&change) {
            changes.push(change);
        }
    }
    changes
}

fn class(node: &Node) -> Class {
    match node.kind {
        "SelectStmt" => Class::Query,
        "InsertStmt" | "UpdateStmt" | "DeleteStmt" | "MergeStmt" => Class::Dml,
        "TruncateStmt" => Class::Truncate,
        "CopyStmt" => match (node.has("filename") || node.has("is_program"), node.has("is_from")) {
            (true, _) => Class::CopyFile,
            (false, true) => Class::CopyIn,
            (false, false) => Class::CopyOut,
        },
        "ExplainStmt" if analyzes(node) => Class::ExplainAnalyze,
        "ExplainStmt" => Class::Explain,
        "TransactionStmt" => Class::Transaction,
        "VariableSetStmt" | "VariableShowStmt" | "DiscardStmt" | "DeallocateStmt"
        | "ConstraintsSetStmt" | "LoadStmt" => Class::Session,
        "ListenStmt" | "UnlistenStmt" | "NotifyStmt" => Class::Notify,
        "PrepareStmt" | "ExecuteStmt" => Class::Prepare,
        "DeclareCursorStmt" | "FetchStmt" | "ClosePortalStmt" => Class::Cursor,
        "CallStmt" | "DoStmt" => Class::Procedure,
        "LockStmt" => Class::Lock,
        "VacuumStmt" | "CheckPointStmt" | "ClusterStmt" | "ReindexStmt" => Class::Utility,
        // Whatever else there is makes, changes or drops something, or says who may.
        _ => Class::Schema,
    }
}

/// The code that `DO` runs.
fn code(node: &Node) -> Option<Box<str>> {
    let mut options = node.list("args").iter().filter_map(Value::node);
    let code = options.find(|option| option.text("defname") == "as")?;
    Some(code.node("arg")?.text("sval").into())
}

/// Whether a standby refuses what is set, or the setting means something for writes only.
fn sets_too_much(node: &Node) -> bool {
    let values = node.list("args");
    match node.text("name") {
        "TRANSACTION SNAPSHOT" | "session_replication_role" => true,
        "TRANSACTION" | "SESSION CHARACTERISTICS" => asks_too_much(values),
        "transaction_read_only" => values.first().is_some_and(is_off),
        _ => false,
    }
}

/// Whether a transaction's options, or one of them, are refused by a standby: it may not write,
/// and `SERIALIZABLE` is not to be had there.
fn asks_too_much(options: &[Value]) -> bool {
    options.iter().filter_map(Value::node).any(|option| {
        let value = option.field("arg");
        match option.text("defname") {
            "transaction_read_only" => is_off(value),
            "transaction_isolation" => constant(value).eq_ignore_ascii_case("serializable"),
            _ => false,
        }
    })
}

/// The text of a constant.
fn constant(value: &Value) -> &str {
    value.node().and_then(|it| it.node("val")).map_or("", |it| it.text("sval"))
}

fn is_off(value: &Value) -> bool {
    let text = constant(value).to_ascii_lowercase();
    let is_zero = value.node().and_then(|it| it.node("val")).is_some_and(|it| {
        it.kind == "Integer" && !it.has("ival") || it.kind == "Boolean" && !it.has("boolval")
    });
    is_zero || matches!(text.as_str(), "off" | "false" | "no" | "f" | "of" | "n")
}

/// Whether an `EXPLAIN` runs what it explains.
fn analyzes(node: &Node) -> bool {
    node.list("options").iter().filter_map(Value::node).any(|option| {
        option.text("defname") == "analyze"
            && option.node("arg").is_none_or(|value| {
                let text = value.text("sval").to_ascii_lowercase();
                let off = match value.kind {
                    "Boolean" => !value.has("boolval"),
                    "Integer" => !value.has("ival"),
                    _ => matches!(text.as_str(), "off" | "false" | "no" | "0"),
                };
                // A text that is no truth value is refused by the server.
                !off
            })
    })
}
