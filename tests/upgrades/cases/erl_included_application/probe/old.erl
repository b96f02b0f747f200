undefined =:= whereis(part_server).
