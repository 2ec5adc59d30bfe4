//! `issuer-host explain`: what Thales calls, what each call wants, and what each failure looks like; what can be set.

mod json;
mod layout;
mod metrics;
mod requirements;
mod settings;
mod topics;

use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};
use layout::Layout;

use super::names::{Names, known_product};
use super::{EXIT_USAGE, Error, complain, say};
use crate::thales::{Catalogue, Product, Requirement};

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    other: Option<Other>,
    /// The product to explain; without one, all of them in a line each
    #[arg(value_parser = Names::new(Product::ALL.map(Product::name), product))]
    product: Option<Product>,
    /// How to write it; markdown and json are of everything where nothing is named
    #[arg(long, global = true, value_enum, default_value_t)]
    format: Format,
}

const EXAMPLES: &str = "\
Examples:
  issuer-host explain
  issuer-host explain cof
  issuer-host explain tsh --format json
  issuer-host explain requirement O6
  issuer-host explain settings --format toml
  issuer-host explain metrics handshakes";

/// What else can be explained.
#[derive(Debug, Subcommand)]
enum Other {
    /// Explain what Thales requires, by number
    Requirement(requirements::Arguments),
    /// Explain every setting of the configuration
    #[command(after_help = settings::EXAMPLES)]
    Settings,
    /// Explain what GET /metrics tells
    Metrics(metrics::Arguments),
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Format {
    /// For a terminal
    #[default]
    Text,
    /// For documentation; docs/operations.md is made so
    Markdown,
    /// For programs
    Json,
    /// As a configuration file: of settings
    Toml,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    if let (Some(_), Some(product)) = (&arguments.other, arguments.product) {
        return Ok(refused(&format!("explain {product}, or something else, not both at once")));
    }
    if matches!(arguments.format, Format::Toml) && !matches!(arguments.other, Some(Other::Settings)) {
        return Ok(refused("--format toml is for settings: issuer-host explain settings --format toml"));
    }
    match &arguments.other {
        Some(Other::Requirement(of)) => return requirements::run(of, arguments.format).map(|()| ExitCode::SUCCESS),
        Some(Other::Settings) => return settings::run(arguments.format).map(|()| ExitCode::SUCCESS),
        Some(Other::Metrics(of)) => return metrics::run(of, arguments.format).map(|()| ExitCode::SUCCESS),
        None => {}
    }
    let products = arguments.product.map_or_else(|| Product::ALL.to_vec(), |product| vec![product]);
    let catalogue = Catalogue::built_in();
    let text = match (arguments.format, arguments.product) {
        (Format::Json, _) => serde_json::to_string_pretty(&json::products(catalogue, &products))?,
        (Format::Markdown, None) => everything(catalogue),
        (Format::Markdown, Some(product)) => one(catalogue, product, Layout::Markdown),
        (Format::Text | Format::Toml, Some(product)) => one(catalogue, product, Layout::Text),
        (Format::Text | Format::Toml, None) => overview(catalogue),
    };
    say(text.trim_end())?;
    Ok(ExitCode::SUCCESS)
}

fn refused(why: &str) -> ExitCode {
    complain(format_args!("error: {why}"));
    ExitCode::from(EXIT_USAGE)
}

/// Reads a product as clap wants it: an error ends with exit code 2.
fn product(name: &str) -> Result<Product, String> {
    known_product(name).map_err(|error| match Requirement::from_name(name) {
        Ok(requirement) => {
            format!("{error}; a requirement is explained by: issuer-host explain requirement {requirement}")
        }
        Err(_) => format!("{error}; {}", error.remedy()),
    })
}

fn one(catalogue: &Catalogue, product: Product, layout: Layout) -> String {
    let mut text = layout.heading(product.name(), product.summary());
    for topic in topics::of(catalogue, product) {
        text.push_str(&layout.topic(&topic));
    }
    text
}

fn overview(catalogue: &Catalogue) -> String {
    let line = |product: Product| {
        let operations = catalogue.operations().iter().filter(|operation| operation.product == product).count();
        format!("  {:<14}{operations:>3}  {}\n", product.name(), product.summary())
    };
    format!(
        "Products, and how many operations are known of each:\n\n{}\n`issuer-host explain PRODUCT` tells all of one.\n",
        Product::ALL.map(line).concat()
    )
}

/// `docs/operations.md`.
fn everything(catalogue: &Catalogue) -> String {
    let mut text = String::from(
        "# What Thales calls\n\n\
         Made by `issuer-host explain --format markdown > docs/operations.md`, from `config/products/*.toml` and the table of \
         problems; a test compares them.\n\n\
         **Kinds.** A notification tells of what has happened, and may be stored and acknowledged. A query needs data or a \
         decision in its answer. A command needs something done now.\n\n\
         **Evidence.** How sure we are of verb and path: `portal` is shown by Thales; `third-party` is an operation that Thales \
         shows at a path that others show; `naming-rule` is one whose path follows from its siblings', unconfirmed.\n\n",
    );
    for product in Product::ALL {
        text.push_str(&one(catalogue, product, Layout::Markdown));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_for_readers_is_what_the_code_yields() {
        let page = include_str!("../../docs/operations.md");
        assert!(
            page.trim_end() == everything(Catalogue::built_in()).trim_end(),
            "run: issuer-host explain --format markdown > docs/operations.md"
        );
    }

    #[test]
    fn a_product_that_is_nearly_one_is_recognized() {
        assert_eq!(product("coff").unwrap_err(), "there is no product \"coff\"; did you mean \"cof\"?");
        assert_eq!(product("cof"), Ok(Product::Cof));
    }

    #[test]
    fn every_operation_is_told_in_every_form() {
        let catalogue = Catalogue::built_in();
        for product in Product::ALL {
            let forms = [
                one(catalogue, product, Layout::Text),
                one(catalogue, product, Layout::Markdown),
                json::products(catalogue, &[product]).to_string(),
            ];
            for operation in catalogue.operations().iter().filter(|operation| operation.product == product) {
                for form in &forms {
                    assert!(
                        form.contains(&operation.name) && form.contains(&operation.full_path()),
                        "{}",
                        operation.name
                    );
                }
            }
        }
    }

    #[test]
    fn options_may_stand_before_and_behind_the_word_requirement() {
        for words in ["--color never --format json requirement O1", "requirement O1 --format json --color never"] {
            let arguments = ["issuer-host", "explain"].into_iter().chain(words.split(' '));
            let parsed = <crate::cli::Arguments as clap::Parser>::try_parse_from(arguments).unwrap();
            let crate::cli::Command::Explain(explain) = parsed.command else { panic!("{words}") };
            assert!(matches!(explain.format, Format::Json), "{words}");
            assert!(matches!(explain.other, Some(Other::Requirement(_))), "{words}");
        }
    }
}
