sample_server:fill().
