[false, true, true] =:= [is_pid(whereis(Name)) || Name <- [first, second, third]].
