defmodule Thermo do
  @on_load :load

  def load, do: :erlang.load_nif(:filename.join(:code.priv_dir(:thermo), 'thermo'), 0)
  def fahrenheit(_celsius), do: :erlang.nif_error(:not_loaded)

  @doc "Asks the port program."
  def measure do
    port = Port.open({:spawn_executable, priv("probe")}, [:binary, line: 64])
    Port.command(port, "now\n")

    receive do
      {^port, {:data, {:eol, answer}}} -> answer
    end
  end

  @doc "Runs a script whose name has a space in it."
  def label do
    {text, 0} = System.cmd(priv("print label.sh"), [])
    String.trim(text)
  end

  defp priv(name), do: Path.join(:code.priv_dir(:thermo), name)
end
