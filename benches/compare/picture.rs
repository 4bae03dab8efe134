//! The picture: two rows of bars on a scale of powers of ten, for a light page and for a dark one.

use crate::{
    figures::Figures,
    report::{Report, short},
};
use std::fmt::Write;

const WIDTH: f64 = 900.0;
const NAMES: f64 = 250.0;
const BARS: f64 = 540.0;
const LINE: f64 = 26.0;
const HEAD: f64 = 56.0;
const STYLE: &str = "text{font:14px system-ui,sans-serif;fill:#24292f}.head{font-weight:600}.note,.tick{font-size:12px;\
                     fill:#57606a}.tick{text-anchor:middle}.own{fill:#0969da}.peer{fill:#8c959f}.grid{stroke:#d0d7de}\
                     .one{stroke:#cf222e;stroke-dasharray:4 3}@media(prefers-color-scheme:dark){text{fill:#e6edf3}\
                     .note,.tick{fill:#9198a1}.own{fill:#4493f8}.peer{fill:#6e7681}.grid{stroke:#3d444d}\
                     .one{stroke:#ff7b72}}";

/// A row of bars.
struct Panel {
    title: &'static str,
    bars: Vec<(&'static str, f64)>,
    /// Powers of ten at the left end and at the right end.
    from: i32,
    to: i32,
}

/// The picture of this report, as SVG.
pub(crate) fn draw(report: &Report) -> String {
    let rate: fn(&Figures) -> f64 = |it| it.rate;
    let panels = [
        Panel::new("Requests a second, as a ratio to the bare handler (more is better)", report, rate),
        Panel::new(
            "Processor time for a request, as a ratio to the bare handler (less is better)",
            report,
            Figures::all_cpu,
        ),
    ];
    let height = panels.iter().map(Panel::height).sum::<f64>() + 30.0;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n\
         <title>Dalston and its peers beside a bare actix-web handler</title>\n<style>{STYLE}</style>\n"
    );
    let mut top = 0.0;
    for panel in &panels {
        panel.draw(top, &mut text);
        top += panel.height();
    }
    let _ = writeln!(text, "<text class=\"note\" x=\"10\" y=\"{}\">{}</text>\n</svg>", top + 14.0, report.caption);
    text
}

impl Panel {
    fn new(title: &'static str, report: &Report, figure: fn(&Figures) -> f64) -> Self {
        let bars: Vec<_> = report.rows.iter().map(|row| (row.name, row.ratio(figure).middle)).collect();
        let least = bars.iter().fold(1.0, |least: f64, (_, value)| least.min(*value));
        let most = bars.iter().fold(1.0, |most: f64, (_, value)| most.max(*value));
        #[expect(clippy::cast_possible_truncation, reason = "a few powers of ten")]
        let (from, to) = (least.log10().floor() as i32, most.log10().ceil() as i32);
        // Where all are near 1 a bar still has a length, and one that is 1 too.
        Self { title, bars, from: from.min(-1), to: to.max(1) }
    }

    fn height(&self) -> f64 {
        self.bars.iter().fold(HEAD + 28.0, |height, _| height + LINE)
    }

    /// Where a ratio stands.
    fn x(&self, ratio: f64) -> f64 {
        let share = (ratio.log10() - f64::from(self.from)) / f64::from(self.to - self.from);
        NAMES + BARS * share.clamp(0.005, 1.0)
    }

    fn draw(&self, top: f64, text: &mut String) {
        let bottom = top + self.height() - 24.0;
        let _ = writeln!(text, "<text class=\"head\" x=\"10\" y=\"{}\">{}</text>", top + 24.0, self.title);
        for power in self.from..=self.to {
            let (x, class) = (self.x(10.0_f64.powi(power)), if power == 0 { "one" } else { "grid" });
            let _ = writeln!(
                text,
                "<line class=\"{class}\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{}\" y2=\"{bottom}\"/>\
                 <text class=\"tick\" x=\"{x:.1}\" y=\"{}\">{}</text>",
                top + HEAD - 6.0,
                top + HEAD - 10.0,
                10.0_f64.powi(power),
            );
        }
        let mut y = top + HEAD;
        for (name, ratio) in &self.bars {
            let (end, class) = (self.x(*ratio), if name.starts_with("Dalston") { "own" } else { "peer" });
            let _ = writeln!(
                text,
                "<text x=\"10\" y=\"{}\">{name}</text><rect class=\"{class}\" x=\"{NAMES}\" y=\"{}\" width=\"{:.1}\" \
                 height=\"{}\" rx=\"2\"/><text x=\"{:.1}\" y=\"{}\">{}</text>",
                y + 17.0,
                y + 4.0,
                end - NAMES,
                LINE - 8.0,
                end + 6.0,
                y + 17.0,
                short(*ratio),
            );
            y += LINE;
        }
    }
}
