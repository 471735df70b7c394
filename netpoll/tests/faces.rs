//! Which method a name means, by what is imported: std's parks, tokio's and futures' are awaited.

mod common;

use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::thread;

use common::{block_on, pair};
use gort_netpoll::net::TcpStream;

#[test]
fn vectored() {
    let (mut client, mut server) = pair();
    let slices = [IoSlice::new(b"one"), IoSlice::new(b""), IoSlice::new(b"three")];
    assert_eq!(io::Write::write_vectored(&mut client, &slices).unwrap(), 8);
    assert_eq!(
        block_on(futures_util::AsyncWriteExt::write_vectored(&mut client, &slices)).unwrap(),
        8
    );
    assert_eq!(client.try_write_vectored(&slices).unwrap(), 8);
    let (mut a, mut b) = ([0; 5], [0; 3]);
    let read = io::Read::read_vectored(
        &mut server,
        &mut [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)],
    );
    assert_eq!((read.unwrap(), &a, &b), (8, b"oneth", b"ree"));
    let mut slices = [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)];
    assert_eq!(
        block_on(gort_netpoll::io::AsyncReadExt::read_vectored(
            &mut server,
            &mut slices
        ))
        .unwrap(),
        8
    );
    assert_eq!(server.try_read_vectored(&mut slices).unwrap(), 8);
    let none = server.try_read_vectored(&mut slices).unwrap_err();
    assert_eq!(none.kind(), ErrorKind::WouldBlock);
}

/// One system call takes 1024 buffers: that it moves no more does not mean that nothing is left, and there is no
/// further event to wait for.
#[test]
fn more_buffers_than_a_call_takes() {
    const BUFS: usize = 2000;
    const AT_ONCE: usize = 1024;
    let (mut client, mut server) = pair();
    let slices = [IoSlice::new(b"x"); BUFS];
    assert_eq!(io::Write::write_vectored(&mut client, &slices).unwrap(), AT_ONCE);
    // Parks for ever unless the stream is known to be writable still.
    assert_eq!(
        client.try_write_vectored(&slices[AT_ONCE..]).unwrap(),
        BUFS - AT_ONCE
    );

    // All of it is here before the first read, which leaves something behind.
    while block_on(server.peek(&mut [0; BUFS])).unwrap() < BUFS {
        thread::yield_now();
    }
    let mut bytes = [[0]; BUFS];
    let mut slices: Vec<_> = bytes.iter_mut().map(|byte| IoSliceMut::new(byte)).collect();
    assert_eq!(
        io::Read::read_vectored(&mut server, &mut slices).unwrap(),
        AT_ONCE
    );
    assert_eq!(server.try_read(&mut [0; BUFS]).unwrap(), BUFS - AT_ONCE);
}

#[test]
fn halves() {
    use gort_netpoll::io::{AsyncReadExt, AsyncWriteExt};
    let (mut client, server) = pair();
    block_on(async {
        let (mut read, mut write) = server.into_split();
        {
            let (mut reader, mut writer) = client.split();
            writer.write_all(b"ping").await.unwrap();
            let mut buf = [0; 4];
            read.read_exact(&mut buf).await.unwrap();
            write.write_all(&buf).await.unwrap();
            reader.read_exact(&mut buf).await.unwrap();
            assert_eq!(&buf, b"ping");
        }
        let (other, _writer) = pair().0.into_split();
        let error = write.reunite(other).unwrap_err();
        assert!(error.to_string().contains("same stream"));
        let gort_netpoll::net::tcp::ReuniteError(_, write) = error;
        let server = read.reunite(write).unwrap();
        let (mut read, write) = server.into_split();
        drop(write);
        let mut rest = String::new();
        assert_eq!(client.read_to_string(&mut rest).await.unwrap(), 0);
        client.write_all("half open".as_bytes()).await.unwrap();
        client.shutdown().await.unwrap();
        client.shutdown().await.unwrap();
        assert_eq!(read.read_to_string(&mut rest).await.unwrap(), 9);
        assert_eq!(rest, "half open");
    });
}

/// With tokio's trait in scope `shutdown` is tokio's; without it is std's.
#[test]
fn one_name_for_two_faces() {
    fn std_face(stream: &mut TcpStream) -> io::Result<usize> {
        use std::io::{Read, Write};
        stream.write_all(b"std")?;
        stream.shutdown(Shutdown::Write)?;
        stream.read(&mut [0; 8])
    }
    async fn tokio_face(stream: &mut TcpStream) -> io::Result<usize> {
        use gort_netpoll::io::{AsyncReadExt, AsyncWriteExt};
        stream.write_all(b"tok").await?;
        stream.shutdown().await?;
        stream.read(&mut [0; 8]).await
    }
    async fn futures_face(stream: &mut TcpStream) -> io::Result<usize> {
        use futures_util::{AsyncReadExt, AsyncWriteExt};
        stream.write_all(b"fut").await?;
        stream.close().await?;
        stream.read(&mut [0; 8]).await
    }
    type Face = fn(&mut TcpStream) -> io::Result<usize>;
    let faces: [Face; 3] = [
        std_face,
        |stream| block_on(tokio_face(stream)),
        |stream| block_on(futures_face(stream)),
    ];
    for (face, sent) in faces.into_iter().zip(["std", "tok", "fut"]) {
        let (mut client, mut server) = pair();
        let mut all = String::new();
        thread::scope(|scope| {
            let face = scope.spawn(move || face(&mut client).unwrap());
            io::Read::read_to_string(&mut server, &mut all).unwrap();
            server.shutdown(Shutdown::Both).unwrap();
            assert_eq!(face.join().unwrap(), 0);
        });
        assert_eq!(all, sent);
    }
}
