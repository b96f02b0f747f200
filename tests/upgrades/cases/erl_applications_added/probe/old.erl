[] =:= [Name || {Name, _, _} <- application:loaded_applications(), lists:member(Name, [extra, tools_of_extra])]
    andalso non_existing =:= code:which(extra_words).
