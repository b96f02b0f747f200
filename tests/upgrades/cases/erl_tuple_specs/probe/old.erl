undefined =:= whereis(second).
