Agent.get(:other, & &1) == %{here: true}
