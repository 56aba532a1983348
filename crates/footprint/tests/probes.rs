//! A function or a table hidden in every place that the grammar has for one: the walk finds it.

use afterwrite_footprint::{Class, mentions};

#[test]
fn nothing_is_passed_by() {
    let probes = include_str!("corpus/probes.txt");
    let mut missed = Vec::new();
    let mut count = 0;
    for line in probes.lines().filter(|line| !line.trim().is_empty()) {
        let (name, sql) = line.split_once('\t').unwrap();
        count += 1;
        let all = mentions(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let found = all.iter().any(|statement| {
            // What such a command names it may call, or whoever runs it later may; it never goes
            // to a replica.
            matches!(statement.class, Class::Schema | Class::Procedure)
                || statement.calls.iter().any(|call| *call.name.name == *name)
                || statement.attributes.iter().any(|attribute| **attribute == *name)
                || statement.relations.iter().any(|(relation, _)| *relation.name == *name)
        });
        if !found {
            missed.push(line);
        }
    }
    assert!(count >= 300, "{count} probes");
    assert!(missed.is_empty(), "{missed:#?}");
}

/// However many rows there are, they count as one.
#[test]
fn a_type_is_mentioned_once() {
    let one = mentions("INSERT INTO t VALUES ('1'::money, N'a')").unwrap();
    let rows = vec!["('1'::money, N'a')"; 5000].join(", ");
    let many = mentions(&format!("INSERT INTO t VALUES {rows}")).unwrap();
    assert_eq!(one, many);
    assert!(!many[0].incomplete);
}

/// A deep statement must not take the stack of whoever reads it.
#[test]
fn hostile_depth_is_an_answer() {
    let deep = [
        format!("SELECT {}1{}", "(".repeat(20_000), ")".repeat(20_000)),
        format!("SELECT 1{}", "+1".repeat(60_000)),
        format!("SELECT 1{}", " UNION SELECT 1".repeat(10_000)),
        format!("SELECT 1 WHERE true{}", " AND true".repeat(60_000)),
        format!("SELECT {}1", "NOT ".repeat(50_000)),
        format!("SELECT {}", "a.".repeat(60_000)),
        format!("SELECT {}", "ARRAY[".repeat(20_000)),
        format!("SELECT 1 {}", "; SELECT 1".repeat(5_000)),
    ];
    for sql in deep {
        // On as small a stack as the proxy's threads have.
        let thread = std::thread::Builder::new().stack_size(2 * 1024 * 1024);
        let read = thread.spawn(move || mentions(&sql).map(|all| all.len())).unwrap();
        let _ = read.join().unwrap();
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_an_answer(text in "(?s).{0,80}") {
        let _ = mentions(&text);
    }

    /// The normal form of a statement mentions the same.
    #[test]
    fn the_normal_form_mentions_the_same(
        list in proptest::collection::vec(0..1000_u32, 1..20),
        text in "[a-z ']{0,8}",
    ) {
        let quoted = text.replace('\'', "''");
        let list: Vec<_> = list.iter().map(u32::to_string).collect();
        let list = list.join(", ");
        let sql = format!(
            "SELECT a.b, f('{quoted}', 1) FROM s.t a /* {list} */ WHERE x IN ({list}) AND y = '{quoted}'
             AND z = ANY (ARRAY[{list}]) LIMIT 5",
        );
        let mut normal = Vec::new();
        proptest::prop_assert!(afterwrite_sql::normalise(sql.as_bytes(), &mut normal));
        let normal = std::str::from_utf8(afterwrite_sql::normal_text(&normal)).unwrap();
        proptest::prop_assert_eq!(mentions(&sql), mentions(normal), "{}", normal);
    }
}
