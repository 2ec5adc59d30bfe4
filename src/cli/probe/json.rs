//! What was found, for programs: an object in a line for each round.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::plan::Plan;
use super::step::Step;
use crate::thales::Requirement;
use crate::thales::inbound::{InboundEnvironment, InboundProduct};

/// One round.
pub(super) fn round(plan: &Plan, number: u32, at: SystemTime, steps: &[Step]) -> Value {
    json!({
        "host": plan.target.host,
        "port": plan.target.port,
        "path": plan.path,
        "product": plan.product.map(InboundProduct::name),
        "environment": plan.environment.map(InboundEnvironment::name),
        "round": number,
        "at": humantime::format_rfc3339_seconds(at).to_string(),
        "good": !steps.iter().any(Step::failed),
        "steps": steps.iter().map(step).collect::<Value>(),
    })
}

fn step(step: &Step) -> Value {
    json!({
        "step": step.part.name(),
        "verdict": step.verdict.name(),
        "requirement": step.requirement.map(Requirement::name),
        "found": step.found,
        "details": step.details,
        "to_do": if step.to_do.is_empty() { None } else { Some(&step.to_do) },
        "facts": step.facts,
    })
}
