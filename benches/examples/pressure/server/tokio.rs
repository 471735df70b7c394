//! tokio, multi-threaded.

use std::io;

use gort_benches::WORKERS;
use gort_benches::process::{listening, serve_until_the_end_of_input};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::task;

use super::{ANY_PORT, Message, trouble_of};
use crate::trouble::Trouble;

pub(crate) fn plain(trouble: Trouble) -> io::Result<()> {
    serve(move |request| async move { trouble_of(request, trouble).make() })
}

pub(crate) fn in_place(trouble: Trouble) -> io::Result<()> {
    serve(move |request| async move {
        match trouble_of(request, trouble) {
            Trouble::None => {}
            trouble => task::block_in_place(|| trouble.make()),
        }
    })
}

pub(crate) fn spawn_blocking(trouble: Trouble) -> io::Result<()> {
    serve(move |request| async move {
        match trouble_of(request, trouble) {
            Trouble::None => {}
            trouble => task::spawn_blocking(move || trouble.make())
                .await
                .expect("it does not panic"),
        }
    })
}

fn serve<H, F>(handle: H) -> io::Result<()>
where
    H: Fn(Message) -> F + Copy + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    async fn connection<F: Future<Output = ()>>(
        mut stream: TcpStream,
        handle: impl Fn(Message) -> F,
    ) -> io::Result<()> {
        let mut message = Message::default();
        loop {
            stream.read_exact(&mut message).await?;
            handle(message).await;
            stream.write_all(&message).await?;
        }
    }

    let runtime = Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()?;
    runtime.spawn(async move {
        let listener = TcpListener::bind(ANY_PORT).await?;
        listening(listener.local_addr())?;
        loop {
            tokio::spawn(connection(listener.accept().await?.0, handle));
        }
        #[expect(unreachable_code, reason = "says of what type an error is")]
        Ok::<(), io::Error>(())
    });
    serve_until_the_end_of_input()
}
