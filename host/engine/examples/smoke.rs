fn main() {
    let mut r = campanile_engine::library::Registry::new(campanile_engine::library::CacheFolder::new("/tmp/smoke/cache"));
    r.scan(std::path::Path::new(&std::env::args().nth(1).unwrap()));
    for p in r.problems() { eprintln!("{p}"); }
    let f = campanile_engine::spec::read(std::path::Path::new(&std::env::args().nth(2).unwrap()), &campanile_engine::spec::Arguments::new());
    let f = match f { Ok(f) => f, Err(e) => { for e in e { eprintln!("{e}"); } return } };
    let (plan, findings) = campanile_engine::Plan::new(f, &mut r);
    for f in findings { eprintln!("{f}"); }
    let Some(plan) = plan else { return };
    let t = std::time::Instant::now();
    let report = plan.run(Default::default());
    println!("{}", serde_json::to_string_pretty(&report).unwrap());
    eprintln!("{:?}", t.elapsed());
}
