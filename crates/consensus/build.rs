//! Compiles the protobuf schema without an installed `protoc`.
fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto/consensus_v3.proto");
    let descriptors = protox::compile(["proto/consensus_v3.proto"], ["proto"])?;
    prost_build::Config::new().compile_fds(descriptors)?;
    Ok(())
}
