//! Compiles the protobuf schemas without an installed `protoc`.
fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let schemas = ["proto/servicepb.proto", "proto/votes.proto"];
    let descriptors = protox::compile(schemas, ["proto"])?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
