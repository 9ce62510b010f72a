//! Streams as clients see them.

mod waiting {
    use testkit::transcript::printed;
    use testkit::{Session, TestServer};

    fn served(server: &mut TestServer, session: &mut Session) -> String {
        printed(&server.served(session).expect("it is served"))
    }

    #[test]
    fn xread_waits_for_what_comes_behind_the_id_that_was_last_then() {
        for workers in [1, 3] {
            let mut server = TestServer::new(workers);
            let (mut ann, mut bob) = (server.connect(), server.connect_to(workers - 1));
            server.reply(&mut bob, "XADD log 1-1 a 1");
            server.block(&mut ann, "XREAD BLOCK 0 STREAMS other log $ $");
            for call in ["MULTI", "XADD log 1-2 b 2", "XADD log 1-3 c 3", "EXEC"] {
                server.reply(&mut bob, call);
            }
            let reply = served(&mut server, &mut ann);
            assert!(reply.contains("1-2") && reply.contains("1-3"), "{reply}");
            assert!(!reply.contains("1-1") && !reply.contains("other"), "{reply}");
        }
    }

    #[test]
    fn one_of_a_group_gets_what_comes() {
        let mut server = TestServer::new(2);
        let (mut ann, mut bob, mut cal) =
            (server.connect(), server.connect_to(1), server.connect());
        server.reply(&mut cal, "XGROUP CREATE log readers $ MKSTREAM");
        server.block(&mut ann, "XREADGROUP GROUP readers ann BLOCK 0 STREAMS log >");
        server.block(&mut bob, "XREADGROUP GROUP readers bob BLOCK 0 STREAMS log >");
        server.reply(&mut cal, "XADD log 1-1 a 1");
        assert!(served(&mut server, &mut ann).contains("1-1"));
        assert!(server.served(&mut bob).is_none());
        server.reply(&mut cal, "XADD log 1-2 b 2");
        assert!(served(&mut server, &mut bob).contains("1-2"));
    }

    #[test]
    fn a_group_that_goes_is_told_of_and_a_stream_that_goes_is_waited_out() {
        let mut server = TestServer::new(1);
        let (mut ann, mut bob, mut cal) = (server.connect(), server.connect(), server.connect());
        server.reply(&mut cal, "XGROUP CREATE log readers $ MKSTREAM");
        server.block(&mut ann, "XREADGROUP GROUP readers ann BLOCK 0 STREAMS log >");
        server.block(&mut bob, "XREAD BLOCK 0 STREAMS log $");
        server.reply(&mut cal, "FLUSHALL");
        assert!(served(&mut server, &mut ann).starts_with("(error) NOGROUP"));
        server.reply(&mut cal, "SET log text");
        assert!(server.served(&mut bob).is_none());
        server.reply(&mut cal, "DEL log");
        server.reply(&mut cal, "XADD log 1-1 a 1");
        assert!(served(&mut server, &mut bob).contains("1-1"));
    }
}
