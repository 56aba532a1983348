//! The figures, as they go into the JSON file; tables and plots are made of these.

use serde::Serialize;

use crate::cell::Cell;
use crate::machine::Machine;
use crate::pgbench::Figures;
use crate::proc::{Memory, Usage};
use crate::stats::{Summary, float, per};
use crate::target::Target;

/// Everything one call measured, and where.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    /// What was typed.
    pub(crate) command: String,
    /// UTC, ISO 8601.
    pub(crate) started: String,
    pub(crate) machine: Machine,
    pub(crate) versions: Versions,
    pub(crate) settings: Settings,
    pub(crate) cells: Vec<CellReport>,
    pub(crate) idle: Vec<IdleReport>,
    /// What a reader must know to read the figures right.
    pub(crate) notes: Vec<String>,
}

/// `None` for what did not take part.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Versions {
    pub(crate) postgresql: String,
    pub(crate) pgbouncer: Option<String>,
    pub(crate) afterwrite: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Settings {
    pub(crate) targets: Vec<Target>,
    pub(crate) rounds: u32,
    pub(crate) seconds: u32,
    pub(crate) scale: u32,
    /// Server connections of each proxy, per node.
    pub(crate) pool_size: u16,
    pub(crate) idle_clients: u32,
}

/// One cell, by target.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct CellReport {
    pub(crate) name: String,
    #[serde(flatten)]
    pub(crate) cell: Cell,
    pub(crate) queries_per_transaction: u64,
    pub(crate) targets: Vec<TargetReport>,
}

/// What one target did in one cell.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct TargetReport {
    pub(crate) target: Target,
    /// Whether the proxy had to be put into session pooling for it.
    pub(crate) session_pooling: bool,
    /// One per round.
    pub(crate) runs: Vec<Run>,
    pub(crate) summary: Option<Summaries>,
    /// Why there are not as many runs as rounds.
    pub(crate) error: Option<String>,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Run {
    pub(crate) tps: f64,
    pub(crate) latency_ms: f64,
    pub(crate) queries: u64,
    /// `None` where there is no proxy.
    pub(crate) proxy: Option<ProxyCost>,
}

/// What the proxy's process spent, for each query.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct ProxyCost {
    pub(crate) cpu_us: f64,
    pub(crate) user_us: f64,
    pub(crate) system_us: f64,
    pub(crate) voluntary_switches: f64,
    pub(crate) involuntary_switches: f64,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Summaries {
    pub(crate) tps: Summary,
    pub(crate) latency_ms: Summary,
    pub(crate) cpu_us_per_query: Option<Summary>,
    pub(crate) voluntary_switches_per_query: Option<Summary>,
}

/// Memory of one proxy, freshly started for this.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct IdleReport {
    pub(crate) target: Target,
    pub(crate) clients: u32,
    pub(crate) outcome: Result<IdleFigures, String>,
}

/// In bytes.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct IdleFigures {
    /// The process before the clients came.
    pub(crate) before: Memory,
    /// While all are logged in and none has asked anything.
    pub(crate) connected: Memory,
    /// While all are idle after one query each.
    pub(crate) queried: Memory,
    pub(crate) per_client_connected: PerClient,
    pub(crate) per_client_queried: PerClient,
}

/// Bytes of growth for each client.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct PerClient {
    pub(crate) rss: f64,
    pub(crate) pss: f64,
}

impl Run {
    /// `used` is what the proxy used meanwhile. `None` if there was no query.
    pub(crate) fn new(figures: Figures, cell: Cell, used: Option<Usage>) -> Option<Self> {
        let queries = figures.transactions * cell.workload.queries();
        let cost = |used: Usage| {
            Some(ProxyCost {
                cpu_us: per(float(used.cpu_us()), queries)?,
                user_us: per(float(used.user_us), queries)?,
                system_us: per(float(used.system_us), queries)?,
                voluntary_switches: per(float(used.voluntary_switches), queries)?,
                involuntary_switches: per(float(used.involuntary_switches), queries)?,
            })
        };
        (queries > 0).then(|| Self {
            tps: figures.tps,
            latency_ms: figures.latency_ms,
            queries,
            proxy: used.and_then(cost),
        })
    }
}

impl CellReport {
    pub(crate) fn new(cell: Cell, targets: Vec<TargetReport>) -> Self {
        let queries_per_transaction = cell.workload.queries();
        Self { name: cell.name(), cell, queries_per_transaction, targets }
    }
}

impl TargetReport {
    pub(crate) fn new(target: Target, session_pooling: bool) -> Self {
        Self { target, session_pooling, runs: Vec::new(), summary: None, error: None }
    }

    pub(crate) fn add(&mut self, run: Run) {
        self.runs.push(run);
        let proxy = |cost: fn(&ProxyCost) -> f64| {
            Summary::of(self.runs.iter().filter_map(|run| run.proxy.as_ref()).map(cost))
        };
        let all = |figure: fn(&Run) -> f64| Summary::of(self.runs.iter().map(figure));
        self.summary =
            all(|run| run.tps).zip(all(|run| run.latency_ms)).map(|(tps, latency_ms)| Summaries {
                tps,
                latency_ms,
                cpu_us_per_query: proxy(|cost| cost.cpu_us),
                voluntary_switches_per_query: proxy(|cost| cost.voluntary_switches),
            });
    }
}

impl IdleFigures {
    pub(crate) fn new(before: Memory, connected: Memory, queried: Memory, clients: u32) -> Self {
        let growth = |after: u64, before: u64| (float(after) - float(before)) / f64::from(clients);
        let per_client = |after: Memory| PerClient {
            rss: growth(after.rss, before.rss),
            pss: growth(after.pss, before.pss),
        };
        Self {
            before,
            connected,
            queried,
            per_client_connected: per_client(connected),
            per_client_queried: per_client(queried),
        }
    }
}

impl Report {
    /// All that failed, one line each.
    pub(crate) fn failures(&self) -> Vec<String> {
        let cells = self.cells.iter().flat_map(|cell| {
            cell.targets.iter().filter_map(|target| {
                let error = target.error.as_ref()?;
                Some(format!("{}, {}: {error}", cell.name, target.target.title()))
            })
        });
        let idle = self.idle.iter().filter_map(|idle| {
            let error = idle.outcome.as_ref().err()?;
            Some(format!("idle clients, {}: {error}", idle.target.title()))
        });
        cells.chain(idle).collect()
    }
}

#[cfg(test)]
pub(crate) mod example {
    use super::*;
    use crate::cell;

    fn cost(cpu_us: f64) -> ProxyCost {
        let (user_us, system_us) = (cpu_us * 0.3, cpu_us * 0.7);
        let (voluntary_switches, involuntary_switches) = (0.5, 0.1);
        ProxyCost { cpu_us, user_us, system_us, voluntary_switches, involuntary_switches }
    }

    /// Made-up figures of three rounds, with one failure and one in session pooling.
    pub(crate) fn report() -> Report {
        let targets =
            vec![Target::Direct, Target::Pgbouncer, Target::AfterwritePrimary, Target::Afterwrite];
        let cells = cell::all(false).into_iter().map(|cell| {
            let measured = targets.iter().filter(|target| target.takes(cell)).map(|&target| {
                let prepared = cell.protocol == cell::Protocol::Prepared;
                let mut report = TargetReport::new(target, target == Target::Pgbouncer && prepared);
                if target == Target::Afterwrite && cell.name() == "tpcb/simple/8" {
                    report.error = Some("pgbench failed: it <was> \"cut\" & short".to_owned());
                    return report;
                }
                for round in 0..3 {
                    let shift = f64::from(round) * 0.25;
                    let proxy = match target {
                        Target::Direct => None,
                        Target::Pgbouncer => Some(cost(12.0 + shift)),
                        Target::AfterwritePrimary => Some(cost(10.0 + shift)),
                        Target::Afterwrite => Some(cost(11.0 + shift)),
                    };
                    let tps = 20_000.0 + shift * 100.0;
                    report.add(Run { tps, latency_ms: 0.4 + shift, queries: 60_000, proxy });
                }
                report
            });
            CellReport::new(cell, measured.collect())
        });
        let memory = |kib: u64| Memory { rss: kib * 1024, pss: kib * 1000 };
        let figures = IdleFigures::new(memory(5_000), memory(10_000), memory(11_000), 5_000);
        let idle = |target, outcome| IdleReport { target, clients: 5_000, outcome };
        Report {
            command: "afterwrite-bench --rounds 3".to_owned(),
            started: "2026-01-02T03:04:05Z".to_owned(),
            machine: Machine {
                cores: 2,
                cpu: "Example CPU".to_owned(),
                memory_bytes: 24 << 30,
                kernel: "6.1.0".to_owned(),
                load_average: "0.10 0.20 0.30".to_owned(),
            },
            versions: Versions {
                postgresql: "15.8".to_owned(),
                pgbouncer: Some("PgBouncer 1.18.0".to_owned()),
                afterwrite: Some("afterwrite 0.1.0".to_owned()),
            },
            settings: Settings {
                targets: targets.clone(),
                rounds: 3,
                seconds: 3,
                scale: 10,
                pool_size: 20,
                idle_clients: 5_000,
            },
            cells: cells.collect(),
            idle: vec![
                idle(Target::Pgbouncer, Ok(figures)),
                idle(Target::Afterwrite, Err("it hung up".to_owned())),
            ],
            notes: vec!["A note.".to_owned()],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::{Protocol, Workload};

    #[test]
    fn a_transaction_of_tpcb_is_seven_queries() {
        let cell = Cell::queries(Workload::Tpcb, Protocol::Simple, 8);
        let figures = Figures { transactions: 100, tps: 50.0, latency_ms: 2.0 };
        let used = Usage { user_us: 2_000, system_us: 5_000, ..Usage::default() };
        let run = Run::new(figures, cell, Some(used)).unwrap();
        assert_eq!(run.queries, 700);
        let cpu_us = run.proxy.unwrap().cpu_us;
        assert!((cpu_us - 10.0).abs() < 1e-9, "{cpu_us}");
        assert!(Run::new(Figures { transactions: 0, ..figures }, cell, Some(used)).is_none());
    }

    #[test]
    fn memory_is_divided_among_the_clients() {
        let memory = |rss, pss| Memory { rss, pss };
        let figures = IdleFigures::new(memory(1_000, 900), memory(6_000, 5_400), memory(0, 0), 5);
        assert_eq!(figures.per_client_connected, PerClient { rss: 1_000.0, pss: 900.0 });
        assert_eq!(figures.per_client_queried, PerClient { rss: -200.0, pss: -180.0 });
    }

    #[test]
    fn failures_name_their_place() {
        let failures = example::report().failures();
        assert_eq!(failures.len(), 2);
        assert!(failures[0].starts_with("tpcb/simple/8, Afterwrite, splitting: pgbench failed"));
    }
}
