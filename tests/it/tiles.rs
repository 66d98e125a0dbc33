//! The logs as hash tiles over HTTP, read by an implementation that is not ours (`signed_note` and `tlog_tiles`).

use std::collections::BTreeMap;

use comity::domain::agency::ActorKind;
use comity::ledger::{TILE_WIDTH, leaf_hash};
use futures_util::future::join_all;
use http::{Method, StatusCode};
use signed_note::{Note, StandardVerifier, VerifierList};
use tlog_tiles::{
    Checkpoint, Error, Tile, TileHashReader, TileReader, check_record, prove_record, prove_tree, tree_hash,
};

use crate::harness::World;
use crate::harness::raw::{self, Connection, Page};
use crate::harness::requests::{NY_CUSTODY, NY_EXCHANGE, detainer_for, intake_at};

/// More than one tile holds.
const DETAINERS: usize = TILE_WIDTH + 4;

/// An agency that asks for parts of logs.
struct Monitor {
    connection: Connection,
    token: String,
}

impl Monitor {
    async fn of(world: &World, agency: &str) -> Self {
        let connection = raw::open(world.gateway().grpc(), &world.sandbox.credentials(agency).unwrap()).await;
        Self { connection, token: world.sandbox.token(agency, ActorKind::System).unwrap() }
    }

    async fn get(&mut self, path: &str) -> Page {
        raw::ask(&mut self.connection, Method::GET, path, &self.token).await
    }

    async fn found(&mut self, path: &str, kind: &str, caching: &str) -> Vec<u8> {
        let page = self.get(path).await;
        assert_eq!(page.http, StatusCode::OK, "{path}");
        let header = |name: &str| page.headers.get(name).unwrap().to_str().unwrap();
        assert_eq!((header("content-type"), header("cache-control")), (kind, caching), "{path}");
        assert!(!page.headers.contains_key("grpc-status"), "{path}");
        page.body
    }

    async fn checkpoint(&mut self, log: &str) -> Vec<u8> {
        self.found(&format!("/{log}/checkpoint"), "text/plain; charset=utf-8", "no-store").await
    }

    async fn tile(&mut self, log: &str, path: &str) -> Vec<u8> {
        let path = format!("/{log}/{path}");
        self.found(&path, "application/octet-stream", "private, max-age=31536000, immutable").await
    }
}

/// Every tile of a tree, by its path.
struct Tiles(BTreeMap<String, Vec<u8>>);

impl TileReader for Tiles {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, Error> {
        Ok(tiles.iter().map(|tile| self.0[&path_of(tile)].clone()).collect())
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

/// Their paths name the height, which this layout does not.
fn path_of(tile: &Tile) -> String {
    tile.path().replacen("tile/8/", "tile/", 1)
}

fn opened(world: &World, note: &[u8]) -> Checkpoint {
    let verifier = StandardVerifier::new(&world.gateway().verifier().to_string()).unwrap();
    let note = Note::from_bytes(note).unwrap();
    note.verify(&VerifierList::new(vec![Box::new(verifier)])).unwrap();
    Checkpoint::from_bytes(note.text()).unwrap()
}

#[tokio::test]
async fn another_implementation_proves_the_log_from_its_tiles() {
    let world = World::start();
    let (ice, doccs) = (world.ice(), world.doccs());
    ice.lodge(detainer_for("us-ny-doccs")).await.accepted();
    let mut monitor = Monitor::of(&world, "us-ice").await;
    let first = opened(&world, &monitor.checkpoint(NY_EXCHANGE).await);
    for lodged in join_all((1..DETAINERS).map(|_| ice.lodge(detainer_for("us-ny-doccs")))).await {
        lodged.accepted();
    }
    doccs.open(intake_at("us-ny-doccs")).await.accepted();

    let head = opened(&world, &monitor.checkpoint(NY_EXCHANGE).await);
    assert_eq!(head.origin(), format!("comity.example/{NY_EXCHANGE}"));
    assert_eq!((first.size(), head.size()), (1, DETAINERS.try_into().unwrap()));
    let mut tiles = Tiles(BTreeMap::new());
    for tile in Tile::new_tiles(8, 0, head.size()) {
        let path = path_of(&tile);
        let bytes = monitor.tile(NY_EXCHANGE, &path).await;
        tiles.0.insert(path, bytes);
    }
    assert_eq!(tiles.0.keys().collect::<Vec<_>>(), ["tile/0/000", "tile/0/001.p/4", "tile/1/000.p/1"]);
    let reader = TileHashReader::new(head.size(), *head.hash(), &tiles);
    assert_eq!(tree_hash(head.size(), &reader).unwrap(), *head.hash());
    prove_tree(head.size(), first.size(), &reader).unwrap();
    for entry in ice.entries(NY_EXCHANGE).await.accepted() {
        let index = entry.name.rsplit_once('/').unwrap().1.parse().unwrap();
        let proof = prove_record(head.size(), index, &reader).unwrap();
        let leaf = tlog_tiles::Hash(*leaf_hash(&entry.leaf).as_bytes());
        check_record(&proof, head.size(), *head.hash(), index, leaf).unwrap();
    }
    // A tile as it was in an earlier tree is the beginning of what it became.
    let whole = &tiles.0["tile/0/000"];
    for width in [1, 2, 100, 255] {
        let earlier = monitor.tile(NY_EXCHANGE, &format!("tile/0/000.p/{width}")).await;
        assert_eq!(earlier, whole[..width * 32]);
    }
}

#[tokio::test]
async fn what_a_log_has_not_filled_and_what_names_nothing_is_not_found() {
    let world = World::start();
    for _ in 0..3 {
        world.ice().lodge(detainer_for("us-ny-doccs")).await.accepted();
    }
    let mut monitor = Monitor::of(&world, "us-ice").await;
    monitor.tile(NY_EXCHANGE, "tile/0/000.p/3").await;
    for rest in [
        "tile/0/000",
        "tile/0/000.p/4",
        "tile/0/001.p/1",
        "tile/1/000.p/1",
        "tile/63/000.p/1",
        "tile/255/000.p/1",
        "tile/0/x018/x446/x744/x073/x709/x551/615.p/1",
        "tile/0/000.p/0",
        "tile/0/000.p/03",
        "tile/0/0",
        "tile/entries/000.p/3",
        "tile/data/000.p/3",
        "tile/0/000.p/3/",
        "tile/0/000.p/3?width=3",
        "tile/0/%30%30%30.p/3",
        "checkpoint/",
        "checkpoint?",
        "checkpoints",
        "",
    ] {
        let page = monitor.get(&format!("/{NY_EXCHANGE}/{rest}")).await;
        assert_eq!(
            (page.http, page.headers["content-type"].as_bytes()),
            (StatusCode::NOT_FOUND, &b"text/plain; charset=utf-8"[..]),
            "{rest}"
        );
    }
    // A log without an entry has no checkpoint and no tile.
    let empty = "jurisdictions/us-tx/logs/exchange";
    for rest in ["checkpoint", "tile/0/000.p/1"] {
        assert_eq!(monitor.get(&format!("/{empty}/{rest}")).await.http, StatusCode::NOT_FOUND, "{rest}");
    }
    for verb in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS, Method::PATCH] {
        let path = format!("/{NY_EXCHANGE}/checkpoint");
        let page = raw::ask(&mut monitor.connection, verb.clone(), &path, &monitor.token).await;
        assert_eq!(
            (page.http, page.headers["allow"].as_bytes()),
            (StatusCode::METHOD_NOT_ALLOWED, &b"GET, HEAD"[..]),
            "{verb}"
        );
    }
}

/// HEAD answers as GET does, without the body.
#[tokio::test]
async fn an_answer_to_head_is_that_to_get_without_its_body() {
    let world = World::start();
    world.ice().lodge(detainer_for("us-ny-doccs")).await.accepted();
    let mut monitor = Monitor::of(&world, "us-ice").await;
    for (part, due) in [("checkpoint", 200), ("tile/0/000.p/1", 200), ("tile/0/000.p/2", 404), ("checkpoints", 404)] {
        let path = format!("/{NY_EXCHANGE}/{part}");
        let (whole, head) =
            (monitor.get(&path).await, raw::ask(&mut monitor.connection, Method::HEAD, &path, &monitor.token).await);
        assert_eq!((whole.http.as_u16(), head.http.as_u16()), (due, due), "{part}");
        assert_eq!(head.headers["content-type"], whole.headers["content-type"], "{part}");
        assert!(head.body.is_empty() && !whole.body.is_empty(), "{part}");
    }
}

/// Whoever may not call `GetCheckpoint` of a log gets neither its checkpoint nor its tiles.
#[tokio::test]
async fn tiles_are_for_those_who_may_read_the_log() {
    let world = World::start();
    let custody = world.doccs().open(intake_at("us-ny-doccs")).await.accepted();
    world.ice().lodge(detainer_for("us-ny-doccs")).await.accepted();
    assert!(custody.custody.is_some());
    let (found, hidden) = (StatusCode::OK, StatusCode::NOT_FOUND);
    for (agency, exchange, custody) in [
        ("us-ice", found, hidden),
        ("us-ny-doccs", found, found),
        ("us-ny-erie-jail", found, found),
        ("us-ny-oversight", found, found),
        ("us-tx-prison", hidden, hidden),
    ] {
        let party = world.system(agency);
        let mut monitor = Monitor::of(&world, agency).await;
        for (log, due) in [(NY_EXCHANGE, exchange), (NY_CUSTODY, custody)] {
            for part in ["checkpoint", "tile/0/000.p/1"] {
                assert_eq!(monitor.get(&format!("/{log}/{part}")).await.http, due, "{agency} {log} {part}");
            }
            assert_eq!(party.checkpoint(log).await.0.is_ok(), due == found, "{agency} {log}");
        }
    }
    // As with that call: the certificate is enough, but a token that is sent must be good.
    let mut monitor = Monitor::of(&world, "us-ice").await;
    let strangers = world.sandbox.token("us-tx-prison", ActorKind::System).unwrap();
    let path = format!("/{NY_EXCHANGE}/checkpoint");
    assert_eq!(raw::ask(&mut monitor.connection, Method::GET, &path, "").await.http, StatusCode::OK);
    for token in ["a.b.c", &strangers] {
        for part in ["checkpoint", "tile/0/000.p/1"] {
            let page = raw::ask(&mut monitor.connection, Method::GET, &format!("/{NY_EXCHANGE}/{part}"), token).await;
            assert_eq!(page.http, StatusCode::UNAUTHORIZED, "{part} with {} bytes of token", token.len());
        }
    }
    // Each leaves a line, as that of a call does: two tokens for two parts.
    let unauthenticated = i32::from(tonic::Code::Unauthenticated).to_string();
    let denied = world.journal.audited().into_iter().filter(|line| line.field("code") == unauthenticated);
    assert_eq!(denied.count(), 4);
}

/// An agency that asks too fast is told when to come again, in the terms of HTTP.
#[tokio::test]
async fn the_limits_of_calls_hold_for_tiles() {
    let world = World::with(|_, config| {
        config.rate.requests_per_s = 1.try_into().unwrap();
        config.rate.burst = 3.try_into().unwrap();
    });
    let mut monitor = Monitor::of(&world, "us-ice").await;
    let mut last = None;
    for _ in 0..6 {
        last = Some(monitor.get(&format!("/{NY_EXCHANGE}/checkpoint")).await);
    }
    let last = last.unwrap();
    assert_eq!((last.http, last.headers["retry-after"].as_bytes()), (StatusCode::TOO_MANY_REQUESTS, &b"1"[..]));
}
