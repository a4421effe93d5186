//! `campanile graph`: a pipeline as a picture in text.

use super::output::{print, say_finding};
use super::{Exit, PipelineArgs};
use crate::wiring::Given;
use campanile_engine::graph::{Graph, draw};
use clap::{Args, ValueEnum};

/// Draw a pipeline as text for Graphviz or Mermaid
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  campanile graph pipeline.json | dot -Tsvg > pipeline.svg
  campanile graph pipeline.json --format mermaid      to paste into Markdown

No plugin is looked for.")]
pub(crate) struct GraphArgs {
    #[command(flatten)]
    pipeline: PipelineArgs,
    /// The language of the picture
    #[arg(long, value_enum, default_value_t = Format::Dot)]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// Graphviz
    Dot,
    /// Mermaid, which GitHub draws
    Mermaid,
}

pub(super) fn run(args: &GraphArgs) -> anyhow::Result<Exit> {
    let drawn = Given::new(&args.pipeline)?.read(&args.pipeline.file).and_then(|file| {
        let (graph, _) = Graph::new(&file.spec)?;
        Ok(match args.format {
            Format::Dot => draw::dot(&file.spec, &graph),
            Format::Mermaid => draw::mermaid(&file.spec, &graph),
        })
    });
    match drawn {
        Ok(picture) => print(&picture).map(|()| Exit::Done),
        Err(findings) => {
            findings.iter().for_each(say_finding);
            Ok(Exit::Wrong)
        }
    }
}
