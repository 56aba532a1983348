//! The server's key words, as far as the rules speak of them.

macro_rules! keywords {
    (
        own { $($word:literal $keyword:ident)* }
        $($group:ident { $($member:literal)* })*
    ) => {
        /// What a word means to the rules.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Keyword {
            /// No key word of ours: a name.
            Name,
            /// Reserved words of expressions and clauses. They cannot name a function, so a
            /// parenthesis behind one opens no call; and behind one an operand starts.
            Clause,
            /// As [`Self::Clause`], but it ends an operand: a value, or a type's name.
            Value,
            /// Words of joins that stand between an operand and `JOIN`.
            Direction,
            /// Operators made of letters, which can also name a function.
            Infix,
            /// Starts a command that changes the schema.
            Ddl,
            /// Starts another command that is no read.
            Utility,
            $(#[doc = $word] $keyword,)*
        }

        const KEYWORDS: &[(&str, Keyword)] = &[
            $(($word, Keyword::$keyword),)*
            $($(($member, Keyword::$group),)*)*
        ];
    };
}

keywords! {
    own {
        "abort" Abort "all" All "analyse" Analyse "analyze" Analyze "and" And "as" As
        "atomic" Atomic "authorization" Authorization "begin" Begin "by" By "case" Case
        "chain" Chain "characteristics" Characteristics "commit" Commit
        "constraints" Constraints "copy" Copy "create" Create "cube" Cube
        "deallocate" Deallocate "execute" Execute "declare" Declare "default" Default "delete" Delete
        "discard" Discard "distinct" Distinct "end" End "explain" Explain "for" For "from" From
        "function" Function "global" Global "group" Group "grouping" Grouping "hold" Hold
        "insert" Insert "into" Into "isolation" Isolation "key" Key "level" Level
        "listen" Listen "load" Load "local" Local "materialized" Materialized "merge" Merge
        "names" Names "no" No "not" Not "on" On "only" Only "operator" Operator
        "option" Option "or" Or "order" Order "ordinality" Ordinality "partition" Partition "prepare" Prepare "prepared" Prepared
        "procedure" Procedure "read" Read "recursive" Recursive "release" Release
        "replace" Replace "reset" Reset "role" Role "rollback" Rollback "rollup" Rollup
        "savepoint" Savepoint "schema" Schema "select" Select "serializable" Serializable
        "session" Session "set" Set "sets" Sets "share" Share "show" Show "start" Start
        "stdin" Stdin "stdout" Stdout "table" Table "tablesample" Tablesample "temp" Temp
        "temporary" Temporary "time" Time "to" To "transaction" Transaction
        "truncate" Truncate "unlisten" Unlisten "update" Update "values" Values
        "varying" Varying "verbose" Verbose "with" With "work" Work "write" Write "xml" Xml
        "zone" Zone
    }
    Clause {
        "any" "array" "asc" "asymmetric" "between" "both" "cast" "check" "coalesce" "collate"
        "column" "constraint" "desc" "else" "except" "exists" "extract" "foreign" "greatest"
        "having" "in" "inout" "intersect" "lateral" "leading" "least" "limit" "none"
        "normalize" "nullif" "offset" "out" "overlay" "placing" "position" "primary"
        "references" "returning" "row" "setof" "some" "substring" "symmetric" "then"
        "trailing" "trim" "union" "unique" "using" "variadic" "when" "where" "window"
        "xmlattributes" "xmlconcat" "xmlelement" "xmlexists" "xmlforest" "xmlnamespaces"
        "xmlparse" "xmlpi" "xmlroot" "xmlserialize" "xmltable"
    }
    Value {
        "bigint" "bit" "boolean" "char" "character" "current_catalog" "current_date"
        "current_role" "current_time" "current_timestamp" "current_user" "dec" "decimal"
        "false" "float" "int" "integer" "interval" "localtime" "localtimestamp" "national"
        "nchar" "null" "numeric" "precision" "real" "session_user" "smallint" "timestamp"
        "true" "user" "varchar"
    }
    Direction { "cross" "full" "inner" "left" "natural" "outer" "right" }
    Infix { "ilike" "join" "like" "overlaps" }
    Ddl {
        "alter" "comment" "drop" "grant" "import" "reassign" "refresh" "reindex" "revoke"
        "security"
    }
    Utility {
        "call" "checkpoint" "close" "cluster" "do" "fetch" "lock" "move" "notify"
        "vacuum"
    }
}

impl Keyword {
    /// The key word that these bytes are, in any case.
    pub(crate) fn of(word: &[u8]) -> Self {
        if word.len() > LENGTH_MAX {
            return Self::Name;
        }
        let mut slot = hash(word);
        loop {
            let Some(entry) = SLOTS.get(slot).and_then(|number| number.checked_sub(1)) else {
                return Self::Name;
            };
            if let Some((known, keyword)) = KEYWORDS.get(usize::from(entry))
                && known.as_bytes().eq_ignore_ascii_case(word)
            {
                return *keyword;
            }
            slot = (slot + 1) % SLOT_COUNT;
        }
    }

    /// It cannot name a function, so a parenthesis behind it opens no call. Only words that
    /// PostgreSQL reserves, at least for use as a column's name, may be here.
    pub(crate) const fn cannot_be_called(self) -> bool {
        matches!(
            self,
            Self::Clause
                | Self::Value
                | Self::All
                | Self::Analyse
                | Self::Analyze
                | Self::And
                | Self::As
                | Self::Case
                | Self::Create
                | Self::Default
                | Self::Distinct
                | Self::End
                | Self::For
                | Self::From
                | Self::Group
                | Self::Grouping
                | Self::Into
                | Self::Not
                | Self::On
                | Self::Only
                | Self::Or
                | Self::Order
                | Self::Select
                | Self::Table
                | Self::Time
                | Self::To
                | Self::Values
                | Self::With
        )
    }

    /// An expression may end with it: a name, a value, a type.
    pub(crate) const fn ends_operand(self) -> bool {
        match self {
            Self::Value | Self::End | Self::Default | Self::Time => true,
            Self::Infix | Self::By => false,
            other => !other.cannot_be_called(),
        }
    }

    /// A query may begin with it.
    pub(crate) const fn begins_query(self) -> bool {
        matches!(self, Self::Select | Self::Values | Self::Table | Self::With)
    }
}

/// The longest word of the table.
const LENGTH_MAX: usize = 17;
/// A power of two, about three times the number of words.
const SLOT_COUNT: usize = 1 << SLOT_BITS;
const SLOT_BITS: u32 = 10;

/// An open-addressing hash index, made by the compiler: 0 is empty, else 1 + the entry's number.
static SLOTS: [u8; SLOT_COUNT] = index();

#[expect(clippy::indexing_slicing, reason = "runs in the compiler; slots wrap at SLOT_COUNT")]
const fn index() -> [u8; SLOT_COUNT] {
    let mut slots = [0; SLOT_COUNT];
    let mut n: u8 = 0;
    while (n as usize) < KEYWORDS.len() {
        let mut slot = hash(KEYWORDS[n as usize].0.as_bytes());
        while slots[slot] != 0 {
            slot = (slot + 1) % SLOT_COUNT;
        }
        n += 1;
        slots[slot] = n;
    }
    slots
}

/// Length, ends and the second letter, letters folded: enough to keep the words apart, and it does
/// not read the whole word.
#[expect(clippy::cast_possible_truncation, reason = "a word of 256 letters is not in the table")]
const fn hash(word: &[u8]) -> usize {
    let (first, second, last) = match word {
        [] => (0, 0, 0),
        [only] => (*only, 0, *only),
        [first, last] => (*first, *last, *last),
        [first, second, .., last] => (*first, *second, *last),
    };
    let folded = u32::from_le_bytes([first | 0x20, second | 0x20, last | 0x20, word.len() as u8]);
    (folded.wrapping_mul(0x9e37_79b1) >> (32 - SLOT_BITS)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_found_in_any_case() {
        for (word, keyword) in KEYWORDS {
            assert_eq!(Keyword::of(word.as_bytes()), *keyword, "{word}");
            assert_eq!(Keyword::of(word.to_uppercase().as_bytes()), *keyword, "{word}");
            assert!(word.len() <= LENGTH_MAX, "{word}");
        }
        for name in ["", "x", "selec", "selectt", "abalance", "current_timestampp", "sélect"] {
            assert_eq!(Keyword::of(name.as_bytes()), Keyword::Name, "{name}");
        }
    }

    #[test]
    fn words_are_listed_once_and_the_index_is_sparse() {
        let mut words: Vec<_> = KEYWORDS.iter().map(|(word, _)| word).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), KEYWORDS.len());
        assert!(KEYWORDS.len() < usize::from(u8::MAX));
    }
}
