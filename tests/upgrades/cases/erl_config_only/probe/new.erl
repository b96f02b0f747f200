[{added, "text"}, {changed, new}, {same, 1}] =:= lists:sort(application:get_all_env(sample)) -- [{included_applications, []}].
