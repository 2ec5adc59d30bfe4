//! What is said of a notification while it is still on its way.

use super::*;

type Frames = tokio::sync::mpsc::UnboundedSender<Result<Frame<Bytes>, BoxError>>;

/// A body that comes when the other end sends it.
fn channel() -> (Frames, impl HttpBody<Data = Bytes, Error = BoxError> + Send + 'static) {
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    (sender, StreamBody::new(stream::poll_fn(move |cx| receiver.poll_recv(cx))))
}

#[tokio::test]
async fn a_notification_is_not_acknowledged_before_the_whole_of_it_has_gone_to_the_backend() {
    // A backend that answers as soon as it has the head, and reads on.
    let hasty = |mark: bool| {
        Router::new().fallback(move |body: Body| async move {
            tokio::spawn(to_bytes(body, usize::MAX));
            let mut response = Response::new(Body::empty());
            if mark {
                response.extensions_mut().insert(super::super::body::FromBackend);
            }
            response
        })
    };
    let known = |mark| {
        let interpreter = super::super::Interpreter::new(super::super::testing::interpreter_options(&[Product::Cof]));
        let options = super::super::StackOptions { interpreter: Some(Arc::new(interpreter)), ..options(Some(HOST)) };
        Stack::new(options, Handler::from(hasty(mark)).into())
    };
    let to = |path: &str, body| Request::post(path).header("host", HOST).body(body).unwrap();
    let data = |text: &'static str| Ok(Frame::data(Bytes::from_static(text.as_bytes())));
    const NOTIFICATION: &str = "/tsh-cof/notify-token-update";

    let stack = known(true);
    for (end, status) in [(None, 204), (Some(Err("gone".into())), 503)] {
        let (sender, body) = channel();
        sender.send(data("half")).unwrap();
        let mut answer = Box::pin(answer(&stack, to(NOTIFICATION, body)));
        for _ in 0..20 {
            assert!(futures_util::poll!(answer.as_mut()).is_pending(), "it was acknowledged before its end");
            tokio::task::yield_now().await;
        }
        if let Some(end) = end {
            sender.send(end).unwrap();
        }
        drop(sender);
        assert_eq!(answer.await.status(), status);
    }
    // Control: what a handler of the embedder says of a notification is its own business.
    let (sender, body) = channel();
    sender.send(data("half")).unwrap();
    assert_eq!(answer(&known(false), to(NOTIFICATION, body)).await.status(), 204);
    drop(sender);
}
