//! The servers: the same program as each runtime's users would write it. Each prints its address and serves until
//! its standard input ends, as it does when the parent is gone.

use std::io;

use crate::peer::{TokioCurrentThread, TokioMultiThread, WORKERS};
use crate::process::{listening, serve_until_the_end_of_input};

const ANY_PORT: &str = "127.0.0.1:0";
/// What a connection reads at once, at most.
const BUFFER: usize = 4096;

pub(crate) fn gort_tasks() -> io::Result<()> {
    use gort::io::{AsyncReadExt, AsyncWriteExt};
    use gort::net::{TcpListener, TcpStream};

    async fn echo(mut stream: TcpStream) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER];
        loop {
            let read = stream.read(&mut buffer).await?;
            if read == 0 {
                return Ok(());
            }
            stream.write_all(&buffer[..read]).await?;
        }
    }

    gort::spawn(async {
        let listener = TcpListener::bind(ANY_PORT).await?;
        listening(listener.local_addr())?;
        loop {
            gort::spawn(echo(listener.accept().await?.0));
        }
        #[expect(unreachable_code, reason = "says of what type an error is")]
        Ok::<(), io::Error>(())
    });
    serve_until_the_end_of_input()
}

pub(crate) fn gort_goroutines() -> io::Result<()> {
    use std::io::{Read, Write};

    use gort::Wait;
    use gort::net::{TcpListener, TcpStream};

    fn echo(mut stream: TcpStream) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER];
        loop {
            let read = stream.read(&mut buffer)?;
            if read == 0 {
                return Ok(());
            }
            stream.write_all(&buffer[..read])?;
        }
    }

    gort::go(|| {
        let listener = TcpListener::bind(ANY_PORT).wait()?;
        listening(listener.local_addr())?;
        loop {
            let (stream, _) = listener.accept().wait()?;
            gort::go(move || echo(stream));
        }
        #[expect(unreachable_code, reason = "says of what type an error is")]
        Ok::<(), io::Error>(())
    });
    serve_until_the_end_of_input()
}

async fn tokio_server() -> io::Result<()> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    async fn echo(mut stream: TcpStream) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER];
        loop {
            let read = stream.read(&mut buffer).await?;
            if read == 0 {
                return Ok(());
            }
            stream.write_all(&buffer[..read]).await?;
        }
    }

    let listener = TcpListener::bind(ANY_PORT).await?;
    listening(listener.local_addr())?;
    loop {
        tokio::spawn(echo(listener.accept().await?.0));
    }
}

pub(crate) fn tokio_multi_thread() -> io::Result<()> {
    let runtime = TokioMultiThread::runtime();
    runtime.spawn(tokio_server());
    serve_until_the_end_of_input()
}

pub(crate) fn tokio_current_thread() -> io::Result<()> {
    std::thread::spawn(|| TokioCurrentThread::runtime().block_on(tokio_server()));
    serve_until_the_end_of_input()
}

pub(crate) fn smol_tasks() -> io::Result<()> {
    use smol::io::{AsyncReadExt, AsyncWriteExt};
    use smol::net::{TcpListener, TcpStream};

    async fn echo(mut stream: TcpStream) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER];
        loop {
            let read = stream.read(&mut buffer).await?;
            if read == 0 {
                return Ok(());
            }
            stream.write_all(&buffer[..read]).await?;
        }
    }

    smol::spawn(async {
        let listener = TcpListener::bind(ANY_PORT).await?;
        listening(listener.local_addr())?;
        loop {
            smol::spawn(echo(listener.accept().await?.0)).detach();
        }
        #[expect(unreachable_code, reason = "says of what type an error is")]
        Ok::<(), io::Error>(())
    })
    .detach();
    serve_until_the_end_of_input()
}

pub(crate) fn may_goroutines() -> io::Result<()> {
    use std::io::{Read, Write};

    use may::coroutine;
    use may::net::{TcpListener, TcpStream};

    fn echo(mut stream: TcpStream) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER];
        loop {
            let read = stream.read(&mut buffer)?;
            if read == 0 {
                return Ok(());
            }
            stream.write_all(&buffer[..read])?;
        }
    }

    fn serve() -> io::Result<()> {
        let listener = TcpListener::bind(ANY_PORT)?;
        listening(listener.local_addr())?;
        loop {
            let (stream, _) = listener.accept()?;
            // SAFETY: keeps nothing of a thread's across a wait, and needs little stack.
            unsafe { coroutine::spawn(move || echo(stream)) };
        }
    }

    may::config().set_workers(WORKERS);
    // SAFETY: as above.
    unsafe { coroutine::spawn(serve) };
    serve_until_the_end_of_input()
}
