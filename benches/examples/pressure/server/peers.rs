//! smol, on its global executor (SMOL_THREADS is in the environment), and may. Neither is told of trouble.

use std::io;

use gort_benches::WORKERS;
use gort_benches::process::{listening, serve_until_the_end_of_input};

use super::{ANY_PORT, Message, trouble_of};
use crate::trouble::Trouble;

pub(crate) fn smol(trouble: Trouble) -> io::Result<()> {
    use smol::io::{AsyncReadExt, AsyncWriteExt};
    use smol::net::{TcpListener, TcpStream};

    async fn connection(mut stream: TcpStream, trouble: Trouble) -> io::Result<()> {
        let mut message = Message::default();
        loop {
            stream.read_exact(&mut message).await?;
            trouble_of(message, trouble).make();
            stream.write_all(&message).await?;
        }
    }

    smol::spawn(async move {
        let listener = TcpListener::bind(ANY_PORT).await?;
        listening(listener.local_addr())?;
        loop {
            smol::spawn(connection(listener.accept().await?.0, trouble)).detach();
        }
        #[expect(unreachable_code, reason = "says of what type an error is")]
        Ok::<(), io::Error>(())
    })
    .detach();
    serve_until_the_end_of_input()
}

pub(crate) fn may(trouble: Trouble) -> io::Result<()> {
    use std::io::{Read, Write};

    use may::coroutine;
    use may::net::{TcpListener, TcpStream};

    fn connection(mut stream: TcpStream, trouble: Trouble) -> io::Result<()> {
        let mut message = Message::default();
        loop {
            stream.read_exact(&mut message)?;
            trouble_of(message, trouble).make();
            stream.write_all(&message)?;
        }
    }

    may::config().set_workers(WORKERS);
    let serve = move || -> io::Result<()> {
        let listener = TcpListener::bind(ANY_PORT)?;
        listening(listener.local_addr())?;
        loop {
            let (stream, _) = listener.accept()?;
            // SAFETY: keeps nothing of a thread's across a wait, and needs little stack.
            unsafe { coroutine::spawn(move || connection(stream, trouble)) };
        }
    };
    // SAFETY: as above.
    unsafe { coroutine::spawn(serve) };
    serve_until_the_end_of_input()
}
