//! Spans as OTLP writes them: `ExportTraceServiceRequest`, in protobuf.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, status};
use prost::Message as _;

use super::span::{Kind, Record, Value};

const NAME: &str = env!("CARGO_PKG_NAME");
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The body that tells of `spans`, of the service of this name.
pub(super) fn request(service_name: &str, spans: Vec<Record>) -> Bytes {
    let attributes = vec![text("service.name", service_name.to_owned()), text("service.version", VERSION.to_owned())];
    let scope = InstrumentationScope { name: NAME.to_owned(), version: VERSION.to_owned(), ..Default::default() };
    let spans = spans.into_iter().map(span).collect();
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource { attributes, ..Default::default() }),
            scope_spans: vec![ScopeSpans { scope: Some(scope), spans, ..Default::default() }],
            ..Default::default()
        }],
    };
    request.encode_to_vec().into()
}

/// How many spans a collector that took the body says that it did not take.
pub(super) fn rejected(answer: &[u8]) -> u64 {
    let partial = ExportTraceServiceResponse::decode(answer).ok().and_then(|answer| answer.partial_success);
    partial.and_then(|partial| u64::try_from(partial.rejected_spans).ok()).unwrap_or(0)
}

fn span(record: Record) -> Span {
    let Record { context, parent, kind, name, began_at, took, attributes, error, .. } = record;
    let mut attributes: Vec<KeyValue> = attributes.into_iter().map(|(key, value)| attribute(key, value)).collect();
    let status = error.map(|error| {
        attributes.push(text("error.type", error.into_owned()));
        Status { code: status::StatusCode::Error.into(), ..Default::default() }
    });
    Span {
        trace_id: context.trace.to_vec(),
        span_id: context.span.to_vec(),
        parent_span_id: parent.map_or_else(Vec::new, |parent| parent.to_vec()),
        flags: u32::from(context.sampled),
        name: name.into_owned(),
        kind: match kind {
            Kind::Server => SpanKind::Server,
            Kind::Client => SpanKind::Client,
            Kind::Producer => SpanKind::Producer,
            Kind::Consumer => SpanKind::Consumer,
        }
        .into(),
        start_time_unix_nano: nanoseconds(began_at),
        end_time_unix_nano: nanoseconds(began_at + took),
        attributes,
        status,
        ..Default::default()
    }
}

fn attribute(key: &str, value: Value) -> KeyValue {
    match value {
        Value::Text(value) => text(key, value.into_owned()),
        Value::Number(number) => pair(key, any_value::Value::IntValue(number)),
    }
}

fn text(key: &str, value: String) -> KeyValue {
    pair(key, any_value::Value::StringValue(value))
}

fn pair(key: &str, value: any_value::Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..Default::default() }
}

/// Since 1970.
fn nanoseconds(at: SystemTime) -> u64 {
    let since: Duration = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTracePartialSuccess;

    use super::*;
    use crate::traces::context::TraceContext;

    #[test]
    fn a_span_is_told_with_its_place_its_time_and_what_went_wrong() {
        let mut record = Record::new(TraceContext::new(true).unwrap(), Some([7; 8]), Kind::Client);
        record.name = "GET".into();
        record.took = Duration::from_nanos(1_000_000_007);
        record.attributes = vec![("server.address", "backend".into()), ("http.response.status_code", 502_u16.into())];
        record.error = Some("502".into());
        let (context, began) = (record.context, nanoseconds(record.began_at));
        let told = ExportTraceServiceRequest::decode(request("the-service", vec![*record])).unwrap();
        let resource = &told.resource_spans[0];
        let attributes = &resource.resource.as_ref().unwrap().attributes;
        assert_eq!(attributes[0], text("service.name", "the-service".into()));
        let span = &resource.scope_spans[0].spans[0];
        assert_eq!((&span.trace_id[..], &span.span_id[..]), (&context.trace[..], &context.span[..]));
        assert_eq!((&span.parent_span_id[..], span.flags), (&[7; 8][..], 1));
        assert_eq!((span.kind(), span.name.as_str()), (SpanKind::Client, "GET"));
        assert_eq!((span.start_time_unix_nano, span.end_time_unix_nano), (began, began + 1_000_000_007));
        assert_eq!(span.status.as_ref().unwrap().code(), status::StatusCode::Error);
        let expected = [
            text("server.address", "backend".into()),
            pair("http.response.status_code", any_value::Value::IntValue(502)),
            text("error.type", "502".into()),
        ];
        assert_eq!(span.attributes, expected);
    }

    #[test]
    fn what_a_collector_did_not_take_is_read_from_its_answer() {
        let partial = ExportTracePartialSuccess { rejected_spans: 3, error_message: "too old".into() };
        let answer = ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec();
        assert_eq!((rejected(&answer), rejected(b""), rejected(b"{}")), (3, 0, 0));
    }
}
