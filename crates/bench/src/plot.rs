//! CPU µs per query as an SVG: a panel for each workload and protocol, a group of
//! bars for each number of clients, a bar for each proxy, a whisker for the range.

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::cell::{Cell, Kind};
use crate::error::BenchError;
use crate::report::{CellReport, Report};
use crate::stats::Summary;
use crate::target::Target;

const COLUMNS: usize = 3;
const PANEL: (u32, u32) = (360, 260);
const HEAD: u32 = 64;
const FONT: &str = "sans-serif";
/// Of a group's width, in which there are bars.
const FILLED: f64 = 0.86;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// The plot's text; `None` if there is nothing to show.
pub(crate) fn svg(report: &Report) -> Result<Option<String>, BenchError> {
    let panels = panels(&report.cells);
    let proxies: Vec<Target> =
        report.settings.targets.iter().copied().filter(|target| target.is_proxy()).collect();
    let ceiling =
        panels.iter().flat_map(|panel| &panel.cells).flat_map(|cell| bars(cell, &proxies));
    let ceiling = ceiling.map(|bar| bar.cpu.max).fold(0.0, f64::max) * 1.15;
    if panels.is_empty() || ceiling <= 0.0 {
        return Ok(None);
    }
    let mut text = String::new();
    draw(&mut text, &panels, &proxies, ceiling, &report.machine.cpu)
        .map_err(|error| BenchError::Plot(error.to_string()))?;
    Ok(Some(text))
}

/// The cells of one workload and protocol.
struct Panel<'a> {
    title: String,
    cells: Vec<&'a CellReport>,
}

/// In the report's order.
fn panels(cells: &[CellReport]) -> Vec<Panel<'_>> {
    let mut panels: Vec<Panel<'_>> = Vec::new();
    for cell in cells.iter().filter(|cell| cell.cell.kind() == Kind::Queries) {
        let title = Cell::title(cell.cell);
        match panels.iter_mut().find(|panel| panel.title == title) {
            Some(panel) => panel.cells.push(cell),
            None => panels.push(Panel { title, cells: vec![cell] }),
        }
    }
    panels
}

struct Bar {
    target: Target,
    /// Its place in the group.
    index: usize,
    cpu: Summary,
    session_pooling: bool,
}

fn bars(cell: &CellReport, proxies: &[Target]) -> Vec<Bar> {
    let bar = |(index, target): (usize, &Target)| {
        let report = cell.targets.iter().find(|report| report.target == *target)?;
        let cpu = report.summary.as_ref().filter(|_| report.error.is_none())?.cpu_us_per_query?;
        Some(Bar { target: *target, index, cpu, session_pooling: report.session_pooling })
    };
    proxies.iter().enumerate().filter_map(bar).collect()
}

fn color(target: Target) -> RGBColor {
    match target {
        Target::Direct => RGBColor(0x55, 0x55, 0x55),
        Target::Pgbouncer => RGBColor(0xE6, 0x9F, 0x00),
        Target::AfterwritePrimary => RGBColor(0x56, 0xB4, 0xE9),
        Target::Afterwrite => RGBColor(0x00, 0x72, 0xB2),
    }
}

type Drawn = Result<(), Box<dyn std::error::Error>>;

fn draw(
    text: &mut String,
    panels: &[Panel<'_>],
    proxies: &[Target],
    ceiling: f64,
    cpu: &str,
) -> Drawn {
    let rows = panels.len().div_ceil(COLUMNS);
    // The legend needs two panels' width.
    let columns = panels.len().clamp(2, COLUMNS);
    let width = PANEL.0 * u32::try_from(columns)?;
    let height = HEAD + PANEL.1 * u32::try_from(rows)?;
    let root = SVGBackend::with_string(text, (width, height)).into_drawing_area();
    root.fill(&WHITE)?;
    let (head, body) = root.split_vertically(HEAD);
    draw_head(&head, proxies, cpu)?;
    let areas = body.split_evenly((rows, columns));
    for (area, panel) in areas.iter().zip(panels) {
        draw_panel(area, panel, proxies, ceiling)?;
    }
    root.present()?;
    Ok(())
}

fn draw_head(area: &Area<'_>, proxies: &[Target], cpu: &str) -> Drawn {
    let title = format!(
        "CPU µs per query of the proxy process ({cpu}); bars: median, lines: range, \
         †: session pooling"
    );
    area.draw(&Text::new(title, (12, 10), (FONT, 16)))?;
    for (index, target) in proxies.iter().enumerate() {
        let x = 12 + 200 * i32::try_from(index)?;
        area.draw(&Rectangle::new([(x, 38), (x + 12, 50)], color(*target).filled()))?;
        area.draw(&Text::new(target.title(), (x + 18, 38), (FONT, 13)))?;
    }
    Ok(())
}

fn draw_panel(area: &Area<'_>, panel: &Panel<'_>, proxies: &[Target], ceiling: f64) -> Drawn {
    let groups = f64::from(u32::try_from(panel.cells.len())?);
    let mut chart = ChartBuilder::on(area)
        .caption(&panel.title, (FONT, 15))
        .margin(8)
        .y_label_area_size(34)
        .x_label_area_size(22)
        .build_cartesian_2d(0.0..groups, 0.0..ceiling)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .disable_x_axis()
        .light_line_style(TRANSPARENT)
        .y_labels(6)
        .y_label_formatter(&|value| format!("{value:.0}"))
        .draw()?;
    for (index, cell) in panel.cells.iter().enumerate() {
        draw_group(&mut chart, f64::from(u32::try_from(index)?), cell, proxies)?;
    }
    Ok(())
}

/// `left` is where the group begins, on an axis where groups are 1 wide.
fn draw_group(
    chart: &mut Chart<'_, '_>,
    left: f64,
    cell: &CellReport,
    proxies: &[Target],
) -> Drawn {
    let centered = |size: i32, vertical: VPos| {
        TextStyle::from((FONT, size).into_font()).pos(Pos::new(HPos::Center, vertical))
    };
    let clients = match cell.cell.clients {
        1 => "1 client".to_owned(),
        clients => format!("{clients} clients"),
    };
    chart.draw_series(std::iter::once(
        EmptyElement::at((left + 0.5, 0.0)) + Text::new(clients, (0, 5), centered(12, VPos::Top)),
    ))?;
    let width = FILLED / f64::from(u32::try_from(proxies.len().max(1))?);
    for bar in bars(cell, proxies) {
        let begin = left + (1.0 - FILLED) / 2.0 + width * f64::from(u32::try_from(bar.index)?);
        let (end, middle) = (begin + width * 0.92, begin + width * 0.46);
        let Summary { median, min, max } = bar.cpu;
        let mark = if bar.session_pooling { "†" } else { "" };
        chart.draw_series(std::iter::once(Rectangle::new(
            [(begin, 0.0), (end, median)],
            color(bar.target).filled(),
        )))?;
        chart.draw_series(std::iter::once(PathElement::new(
            vec![(middle, min), (middle, max)],
            BLACK.stroke_width(1),
        )))?;
        chart.draw_series(std::iter::once(
            EmptyElement::at((middle, max))
                + Text::new(format!("{median:.1}{mark}"), (0, -3), centered(10, VPos::Bottom)),
        ))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    #[test]
    fn every_bar_is_drawn_and_named() {
        let report = example::report();
        let svg = svg(&report).unwrap().unwrap();
        assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"));
        let count = |part: &str| svg.matches(part).count();
        for target in report.settings.targets.iter().filter(|target| target.is_proxy()) {
            assert!(svg.contains(target.title()), "{target:?}");
        }
        // 12 cells of -S and 4 of TPC-B, one of which failed, and 4 of the mix
        // without the form that does not split; and each once in the legend.
        assert_eq!(count("fill=\"#E69F00\""), 20 + 1);
        assert_eq!(count("fill=\"#56B4E9\""), 16 + 1);
        assert_eq!(count("fill=\"#0072B2\""), 19 + 1);
        assert_eq!(count("64 clients"), 3);
        assert!(svg.contains("90/10 mix prepared"));
        assert_eq!(count("12.2†"), 4 + 2 + 2);
    }

    #[test]
    fn without_figures_there_is_no_plot() {
        let mut report = example::report();
        report.cells.clear();
        assert!(svg(&report).unwrap().is_none());
    }
}
