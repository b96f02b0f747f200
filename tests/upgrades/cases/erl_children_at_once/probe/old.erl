[true, false, false] =:= [is_pid(whereis(Name)) || Name <- [first, second, third]].
