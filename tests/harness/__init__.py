"""What tests of several folders share: servers, a client, engines in process, waiting."""
