[{changed, old}, {gone, true}, {same, 1}] =:= lists:sort(application:get_all_env(sample)) -- [{included_applications, []}].
