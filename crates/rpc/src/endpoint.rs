//! Where an RPC server listens.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

/// Address of an RPC server, written `http://host:port/path`; scheme and path may be left out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    host: String,
    port: u16,
    path: String,
}

impl Endpoint {
    /// `host:port`, as it stands in the Host header.
    #[must_use]
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Path of the request, beginning with a slash.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        let host = match address {
            SocketAddr::V4(address) => address.ip().to_string(),
            SocketAddr::V6(address) => format!("[{}]", address.ip()),
        };
        Self {
            host,
            port: address.port(),
            path: "/".to_owned(),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path == "/" { "" } else { &self.path };
        write!(f, "http://{}:{}{path}", self.host, self.port)
    }
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest = match text.split_once("://") {
            None => text,
            Some(("http", rest)) => rest,
            Some(("https", _)) => {
                return Err(format!(
                    "`{text}`: TLS is not spoken here, put a local proxy before the endpoint"
                ));
            }
            Some((scheme, _)) => return Err(format!("`{text}`: unknown scheme `{scheme}`")),
        };
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() => {
                let port = port
                    .parse()
                    .map_err(|_| format!("`{text}`: `{port}` is not a port number"))?;
                (host, port)
            }
            _ => return Err(format!("`{text}` is not of the form http://host:port")),
        };
        let visible = |byte: u8| byte.is_ascii_graphic();
        if !host.bytes().all(visible) || !path.bytes().all(visible) {
            return Err(format!("`{text}` contains a character that no address has"));
        }
        Ok(Self {
            host: host.to_owned(),
            port,
            path: path.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_an_endpoint() {
        for (text, shown, path) in [
            ("127.0.0.1:10332", "http://127.0.0.1:10332", "/"),
            ("http://localhost:1", "http://localhost:1", "/"),
            ("http://localhost:1/", "http://localhost:1", "/"),
            ("http://node:80/rpc/v1", "http://node:80/rpc/v1", "/rpc/v1"),
            ("http://[::1]:80", "http://[::1]:80", "/"),
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!(endpoint.to_string(), shown);
            assert_eq!(endpoint.path(), path);
        }
        let address: SocketAddr = "[::1]:80".parse().unwrap();
        assert_eq!(Endpoint::from(address).to_string(), "http://[::1]:80");
    }

    #[test]
    fn what_is_no_endpoint_is_said() {
        for (text, problem) in [
            ("https://a:1", "TLS"),
            ("ftp://a:1", "unknown scheme"),
            ("localhost", "not of the form"),
            (":80", "not of the form"),
            ("a:70000", "not a port"),
            ("a\r\nb:80", "no address"),
        ] {
            let error = text.parse::<Endpoint>().unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
    }
}
