process_info(whereis(memo), messages) =:= {messages, [[whereis(first), whereis(second)]]}.
