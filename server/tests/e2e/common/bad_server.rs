//! A customer's web server that misbehaves: raw bytes, silence, resets. It counts who comes, so that it serves as a canary too.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::address::{free_port, own_ip};

/// What it does after a request, one after the other; then it closes the connection.
pub enum Act {
    Send(Vec<u8>),
    /// One byte each so often.
    Drip(Vec<u8>, Duration),
    /// Says nothing until the other side gives up.
    Wait,
    Reset,
    /// A chunked body of so many bytes.
    Flood(usize),
}

pub struct BadServer {
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
    targets: Arc<Mutex<Vec<String>>>,
    /// Of floods, what the other side let through.
    flooded: Arc<AtomicUsize>,
}

impl BadServer {
    pub fn start(acts: impl Fn(&str) -> Vec<Act> + Send + Sync + 'static) -> BadServer {
        BadServer::at(own_ip(), acts)
    }

    /// `acts` gets the path of each request.
    pub fn at(ip: IpAddr, acts: impl Fn(&str) -> Vec<Act> + Send + Sync + 'static) -> BadServer {
        let listener = TcpListener::bind((ip, free_port(ip))).expect("the server's port");
        let address = listener.local_addr().expect("its address");
        let server =
            BadServer { address, connections: Arc::default(), targets: Arc::default(), flooded: Arc::default() };
        let (connections, targets, flooded) =
            (server.connections.clone(), server.targets.clone(), server.flooded.clone());
        let acts = Arc::new(acts);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                connections.fetch_add(1, Ordering::SeqCst);
                let (targets, flooded, acts) = (targets.clone(), flooded.clone(), acts.clone());
                std::thread::spawn(move || {
                    let Some(target) = read_request(&stream) else { return };
                    targets.lock().unwrap_or_else(PoisonError::into_inner).push(target.clone());
                    for act in acts(target.split('?').next().unwrap_or_default()) {
                        if carry_out(act, &stream, &flooded).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        server
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// The request targets so far.
    pub fn targets(&self) -> Vec<String> {
        self.targets.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn flooded(&self) -> usize {
        self.flooded.load(Ordering::SeqCst)
    }
}

/// A whole response with this body.
pub fn response(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn carry_out(act: Act, mut stream: &TcpStream, flooded: &AtomicUsize) -> std::io::Result<()> {
    match act {
        Act::Send(bytes) => stream.write_all(&bytes),
        Act::Drip(bytes, every) => {
            for byte in bytes {
                stream.write_all(&[byte])?;
                std::thread::sleep(every);
            }
            Ok(())
        }
        Act::Wait => {
            stream.set_read_timeout(Some(Duration::from_secs(60)))?;
            stream.read(&mut [0]).map(|_| ())
        }
        Act::Reset => {
            // What was sent must be read before the reset overtakes it.
            std::thread::sleep(Duration::from_millis(50));
            socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO))
        }
        Act::Flood(total) => {
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nTransfer-Encoding: chunked\r\n\r\n";
            stream.write_all(head.as_bytes())?;
            let chunk = [b"4000\r\n", &[b'x'; 0x4000][..], b"\r\n"].concat();
            for _ in 0..total / 0x4000 {
                stream.write_all(&chunk)?;
                flooded.fetch_add(0x4000, Ordering::SeqCst);
            }
            stream.write_all(b"0\r\n\r\n")
        }
    }
}

/// Its target, when a whole request came.
fn read_request(stream: &TcpStream) -> Option<String> {
    stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|n| *n > 0)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
        if line.trim_end().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok()?;
        }
    }
    reader.read_exact(&mut vec![0; length]).ok()?;
    first.split(' ').nth(1).map(str::to_owned)
}
