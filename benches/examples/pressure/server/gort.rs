//! gort: tasks and goroutines.

use std::io::{self, Read, Write};

use gort::io::{AsyncReadExt, AsyncWriteExt};
use gort::net::{TcpListener, TcpStream};
use gort::{Wait, task};
use gort_benches::process::{listening, serve_until_the_end_of_input};

use super::{ANY_PORT, Message, trouble_of};
use crate::trouble::Trouble;

pub(crate) fn tasks(trouble: Trouble) -> io::Result<()> {
    serve_tasks(move |request| async move { trouble_of(request, trouble).make() })
}

pub(crate) fn tasks_in_place(trouble: Trouble) -> io::Result<()> {
    serve_tasks(move |request| async move {
        match trouble_of(request, trouble) {
            Trouble::None => {}
            trouble => task::block_in_place(|| trouble.make()),
        }
    })
}

pub(crate) fn tasks_spawn_blocking(trouble: Trouble) -> io::Result<()> {
    serve_tasks(move |request| async move {
        match trouble_of(request, trouble) {
            Trouble::None => {}
            trouble => task::spawn_blocking(move || trouble.make())
                .await
                .expect("it does not panic"),
        }
    })
}

pub(crate) fn goroutines(trouble: Trouble) -> io::Result<()> {
    serve_goroutines(move |request| trouble_of(request, trouble).make())
}

pub(crate) fn goroutines_blocking(trouble: Trouble) -> io::Result<()> {
    serve_goroutines(move |request| match trouble_of(request, trouble) {
        Trouble::None => {}
        trouble => gort::blocking(|| trouble.make()),
    })
}

fn serve_tasks<H, F>(handle: H) -> io::Result<()>
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
            AsyncReadExt::read_exact(&mut stream, &mut message).await?;
            handle(message).await;
            AsyncWriteExt::write_all(&mut stream, &message).await?;
        }
    }

    gort::spawn(async move {
        let listener = TcpListener::bind(ANY_PORT).await?;
        listening(listener.local_addr())?;
        loop {
            gort::spawn(connection(listener.accept().await?.0, handle));
        }
        #[expect(unreachable_code, reason = "says of what type an error is")]
        Ok::<(), io::Error>(())
    });
    serve_until_the_end_of_input()
}

fn serve_goroutines(handle: impl Fn(Message) + Copy + Send + 'static) -> io::Result<()> {
    fn connection(mut stream: TcpStream, handle: impl Fn(Message)) -> io::Result<()> {
        let mut message = Message::default();
        loop {
            Read::read_exact(&mut stream, &mut message)?;
            handle(message);
            Write::write_all(&mut stream, &message)?;
        }
    }

    gort::go(move || {
        let listener = TcpListener::bind(ANY_PORT).wait()?;
        listening(listener.local_addr())?;
        loop {
            let (stream, _) = listener.accept().wait()?;
            gort::go(move || connection(stream, handle));
        }
        #[expect(unreachable_code, reason = "says of what type an error is")]
        Ok::<(), io::Error>(())
    });
    serve_until_the_end_of_input()
}
